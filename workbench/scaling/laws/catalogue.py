"""The laws by name; each is one formula, compiled once, with exact derivatives.

N parameters, D tokens, C floating-point operations, L nats per token or an error rate. A law of
one variable reads the column `size`; `law.on(size="compute")` reads another.
"""

from __future__ import annotations

from workbench.base.checks import refuse
from workbench.scaling import tables
from workbench.scaling.laws.law import Law, Outer, Span, law

__all__ = ["NAMED", "Law", "bnsl", "law", "resolved"]

JOINT = ("parameters", "tokens")
EXPONENT = Span(0.05, 1.2, 24)
BITS = ("weight_bits", "activation_bits", "cache_bits")

power = law(
    "A / size**alpha",
    ("size",),
    name="power",
    source="Hestness et al. (2017), eq. 1; M1 of Alabdulmohsin et al. (2022)",
    spans={"alpha": EXPONENT},
)
power_constant = law(
    "E + A / size**alpha",
    ("size",),
    name="power_constant",
    parameters=("A", "E", "alpha"),
    source="Hestness et al. (2017), eq. 1; M2 of Alabdulmohsin et al. (2022)",
    spans={"alpha": Span(0.05, 2.0, 40)},
)
chinchilla = law(
    "E + A / parameters**alpha + B / tokens**beta",
    JOINT,
    name="chinchilla",
    parameters=("A", "B", "E", "alpha", "beta"),
    source="Hoffmann et al. (2022), eq. 2",
    spans={"alpha": EXPONENT, "beta": EXPONENT},
)
tied = law(
    "E + A / parameters**alpha + B / tokens**alpha",
    JOINT,
    name="tied",
    parameters=("A", "B", "E", "alpha"),
    source="Hoffmann et al. (2022), eq. 2 with α = β, as in Muennighoff et al. (2023)",
    spans={"alpha": Span(0.05, 1.2, 60)},
)
outer = law(
    "E + (A / parameters**alpha + B / tokens**beta)**kappa",
    JOINT,
    name="outer",
    parameters=("A", "B", "E", "alpha", "beta", "kappa"),
    source="Hoffmann et al. (2022), eq. 2 under an outer exponent κ; Kaplan's form at α = 1",
    spans={
        "alpha": Span(0.1, 1.2, 10),
        "beta": Span(0.1, 1.2, 10),
        "kappa": Span(0.4, 1.6, 5, log=True),
    },
    outer=Outer("A / parameters**alpha + B / tokens**beta", "kappa", "E"),
)
kaplan = law(
    "((N_c / parameters)**(alpha_N / alpha_D) + D_c / tokens)**alpha_D",
    JOINT,
    name="kaplan",
    parameters=("N_c", "D_c", "alpha_N", "alpha_D"),
    source="Kaplan et al. (2020), eq. 1.5",
    spans={"alpha_N": Span(0.02, 0.6, 30, log=True), "alpha_D": Span(0.02, 0.6, 30, log=True)},
    outer=Outer("(N_c / parameters)**(alpha_N / alpha_D) + D_c / tokens", "alpha_D"),
)
kaplan_constant = law(
    "E + ((N_c / parameters)**(alpha_N / alpha_D) + D_c / tokens)**alpha_D",
    JOINT,
    name="kaplan_constant",
    parameters=("N_c", "D_c", "E", "alpha_N", "alpha_D"),
    source="Kaplan et al. (2020), eq. 1.5, with an additive constant that the paper has not",
    spans={"alpha_N": Span(0.05, 1.2, 16, log=True), "alpha_D": Span(0.05, 1.2, 16, log=True)},
    outer=Outer("(N_c / parameters)**(alpha_N / alpha_D) + D_c / tokens", "alpha_D", "E"),
)

_BALANCE = "(alpha * A / (beta * B))**(1 / (alpha + beta))"
_FIT = f"{_BALANCE} * ({_BALANCE} * minimum(unique_tokens, tokens))**(beta / alpha)"
_USED = f"minimum(parameters, {_FIT})"
_FRESH = "minimum(unique_tokens, tokens)"
repeated = law(
    f"E + A / ({_USED} * exp(log(1 + R_N * (1 - exp((1 - parameters / {_USED}) / R_N)))))**alpha"
    f" + B / ({_FRESH} * exp(log(1 + R_D * (1 - exp((1 - tokens / {_FRESH}) / R_D)))))**beta",
    (*JOINT, "unique_tokens"),
    name="repeated",
    parameters=("A", "B", "E", "alpha", "beta", "R_N", "R_D"),
    positive=("A", "B", "E", "alpha", "beta", "R_N", "R_D"),
    source="Muennighoff et al. (2023), eq. 5-7; U_N by their eq. 4 from the same A, B, α, β",
    spans={
        "alpha": Span(0.1, 0.9, 8),
        "beta": Span(0.1, 0.9, 8),
        "R_N": Span(1.0, 30.0, 3, log=True),
        "R_D": Span(1.0, 30.0, 3, log=True),
    },
    proxy=f"E + A / parameters**alpha + B / "
    f"({_FRESH} * exp(log(1 + R_D * (1 - exp((1 - tokens / {_FRESH}) / R_D)))))**beta",
)

_EFFECTIVE = "parameters" + "".join(
    f" * exp(log(1 - exp(-{bits} / gamma_{kind})))"
    for bits, kind in zip(BITS, ("w", "a", "kv"), strict=True)
)
_GAMMAS = {f"gamma_{kind}": Span(0.7, 4.0, 3, log=True) for kind in ("w", "a", "kv")}
_TRAINED = f"E + A / ({_EFFECTIVE})**alpha + B / tokens**beta"
precision = law(
    _TRAINED,
    (*JOINT, *BITS),
    name="precision",
    parameters=("A", "B", "E", "alpha", "beta", *_GAMMAS),
    positive=("A", "B", "E", *_GAMMAS),
    source="Kumar et al. (2024), eq. 3; without the shifts their code adds in the exponent",
    spans={"alpha": Span(0.1, 1.0, 8), "beta": Span(0.1, 1.0, 8), **_GAMMAS},
)
post_training = law(
    f"{_TRAINED} + C_T * tokens**gamma_D / parameters**gamma_N * exp(-post_bits / gamma_post)",
    (*JOINT, *BITS, "post_bits"),
    name="post_training",
    parameters=(
        *("A", "B", "E", "alpha", "beta", *_GAMMAS),
        *("C_T", "gamma_D", "gamma_N", "gamma_post"),
    ),
    positive=("A", "B", "E", *_GAMMAS, "C_T", "gamma_post"),
    source="Kumar et al. (2024), eq. 8-9",
    spans={
        **{"alpha": Span(0.2, 0.8, 3), "beta": Span(0.2, 0.8, 3)},
        **{k: s._replace(count=2) for k, s in _GAMMAS.items()},
        **{"gamma_D": Span(0.2, 0.8, 2), "gamma_N": Span(0.2, 0.8, 2)},
        "gamma_post": Span(0.3, 1.5, 2, log=True),
    },
)
m3 = law(
    "A * (1 / size + gamma)**alpha",
    ("size",),
    name="m3",
    parameters=("A", "gamma", "alpha"),
    source="M3 of Alabdulmohsin et al. (2022)",
    spans={"alpha": Span(0.05, 1.5, 12), "gamma": Span(1e-9, 1e-1, 17, log=True)},
)
m4 = law(
    "eps_inf + exp(log(eps_0 - eps_inf))"
    " * share(beta * exp((alpha - 1) * log(eps_0 - eps_inf)) / size**c, alpha)",
    ("size",),
    name="m4",
    parameters=("beta", "c", "alpha", "eps_inf", "eps_0"),
    positive=("beta", "alpha", "eps_inf", "eps_0"),
    source="M4 of Alabdulmohsin et al. (2022): (ε - ε∞) / (ε₀ - ε)^α = β x^-c; their c is ours "
    "with the sign turned, so that a falling curve has a positive exponent in every law",
    spans={
        "c": Span(0.1, 1.5, 8),
        "alpha": Span(0.2, 3.0, 4, log=True),
        "beta": Span(1e-3, 1e6, 19, log=True),
        "eps_inf": Span(1e-3, 1.0, 4, log=True),
        "eps_0": Span(0.5, 16.0, 4, log=True),
    },
)
log_time = law(
    "a + b * log(time)",
    ("time",),
    name="log_time",
    source="Hoffer et al. (2017), eq. 2: distance from the start grows as the logarithm of time",
)
log_linear = law(
    "K / parameters**alpha / tokens**beta",
    JOINT,
    name="log_linear",
    source="a plane in logarithms, log L = log K - α log N - β log D",
    spans={"alpha": Span(0.0, 0.6, 20), "beta": Span(0.0, 0.6, 20)},
)


def bnsl(breaks: int = 1) -> Law:
    """The broken neural scaling law with that many breaks.

    y = a + b x^-c₀ ∏ᵢ (1 + (x/dᵢ)^(1/fᵢ))^(-cᵢ fᵢ)

    Args:
        breaks: 1, 2 or 3; dᵢ is a break's place, fᵢ its sharpness (smaller is sharper).

    Raises:
        ValueError: for another number of breaks.

    Source:
        Caballero et al. (2023), eq. 1.
    """
    if breaks not in (1, 2, 3):
        refuse("breaks", "1, 2 or 3", breaks)
    places = range(1, breaks + 1)
    bends = "".join(f" * (1 + (size / d{i})**(1 / f{i}))**(-c{i} * f{i})" for i in places)
    coarse = {1: (6, 8, 14, 4), 2: (4, 3, 5, 2), 3: (3, 2, 4, 1)}[breaks]
    spans = {"c0": Span(0.0, 1.0, coarse[0])}
    for i in places:
        spans[f"c{i}"] = Span(-0.4, 1.6, coarse[1])
        spans[f"d{i}"] = Span(0.0, 0.5, coarse[2], of="size")
        spans[f"f{i}"] = Span(0.05, 1.5, coarse[3], log=True)
    return law(
        f"a + b / size**c0{bends}",
        ("size",),
        name=f"bnsl{breaks}",
        parameters=("a", "b", "c0", *(f"{k}{i}" for i in places for k in "cdf")),
        positive=("a", "b", *(f"{k}{i}" for i in places for k in "df")),
        source="Caballero et al. (2023), eq. 1",
        spans=spans,
    )


NAMED: dict[str, Law] = {
    each.name: each
    for each in (
        *(power, power_constant, chinchilla, tied, outer, kaplan, kaplan_constant, repeated),
        *(precision, post_training, m3, m4, bnsl(1), bnsl(2), bnsl(3), log_time, log_linear),
    )
}


def resolved(law: Law | str) -> Law:
    """The law, or the one of that name.

    Raises:
        TypeError, ValueError: if it is neither a law nor the name of one.
    """
    if isinstance(law, Law):
        return law
    if not isinstance(law, str):
        refuse("law", "a law or the name of one", law, TypeError)
    tables.known(law, list(NAMED), "law's name")
    return NAMED[law]
