"""Laws against printed numbers, finite differences in mpmath, and each other."""

import csv
from pathlib import Path

import numpy as np
import pytest
import reference_solver
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import COLUMNS, TYPICAL

from workbench.scaling.laws import catalogue
from workbench.scaling.laws import law as law_module
from workbench.scaling.laws.expression import parsed

try:
    import mpmath
except ImportError:
    mpmath = None

each_law = pytest.mark.parametrize("law", list(catalogue.NAMED.values()), ids=lambda law: law.name)


def typical(law):
    return {p: TYPICAL[p] for p in law.parameters}


def table(law, seed=0, rows=4):
    rng = np.random.default_rng(seed)
    return {c: np.exp(rng.uniform(*np.log(COLUMNS[c]), rows)) for c in law.columns}


def exact_log(law, parameters, row):
    """The formula at 60 digits, by mpmath's own arithmetic on the printed text."""

    def share(w, alpha):
        top = mpmath.mpf(0)
        for _ in range(300):
            s = 1 / (1 + mpmath.exp(-top))
            step = (mpmath.log(s) - alpha * mpmath.log(1 - s) - mpmath.log(w)) / (
                (1 - s) + alpha * s
            )
            top -= step
            if abs(step) < mpmath.mpf(10) ** -45:
                break
        return 1 / (1 + mpmath.exp(-top))

    names = {k: mpmath.mpf(v) for k, v in {**parameters, **row}.items()}
    functions = {"exp": mpmath.exp, "log": mpmath.log, "minimum": min, "share": share}
    code = compile(law.formula, "formula", "eval")
    return mpmath.log(eval(code, {"__builtins__": {}}, {**names, **functions}))


@pytest.mark.skipif(mpmath is None, reason="needs mpmath")
@each_law
def test_value_gradient_and_hessian_match_sixty_digits(law):
    parameters, t = typical(law), table(law)
    names = law.parameters
    with mpmath.workdps(60):
        for i in range(2):
            row = {c: v[i] for c, v in t.items()}

            def at(moved, row=row):
                return exact_log(law, {**parameters, **moved}, row)

            assert law.log_value(parameters, t)[i] == pytest.approx(float(at({})), rel=1e-12)
            gradient = law.gradient(parameters, t)[i]
            hessian = reference_solver.natural_hessian(law, parameters, t)[i]
            step = {p: mpmath.mpf(parameters[p]) * mpmath.mpf(10) ** -15 for p in names}
            for a, p in enumerate(names):
                up, down = (at({p: parameters[p] + s * step[p]}) for s in (1, -1))
                scale = abs(1 / parameters[p])
                slope = float((up - down) / (2 * step[p]))
                assert gradient[a] == pytest.approx(slope, rel=1e-9, abs=1e-12 * scale)
                for b, q in enumerate(names[: a + 1]):
                    corners = [
                        at({p: parameters[p] + s * step[p], q: parameters[q] + u * step[q]})
                        if p != q else None for s in (1, -1) for u in (1, -1)
                    ]  # fmt: skip
                    if p == q:
                        bend = float((up - 2 * at({}) + down) / step[p] ** 2)
                    else:
                        top = corners[0] - corners[1] - corners[2] + corners[3]
                        bend = float(top / (4 * step[p] * step[q]))
                    room = 1e-11 * scale * abs(1 / parameters[q])
                    assert hessian[a, b] == pytest.approx(bend, rel=1e-8, abs=room)
                    assert hessian[b, a] == pytest.approx(hessian[a, b], rel=1e-12, abs=room)


def reference(name, contains):
    path = Path(__file__).parents[4].parent / "shared" / "reference" / "scaling.csv"
    if not path.is_file():
        pytest.skip("needs ../shared/reference/scaling.csv")
    with path.open(newline="") as file:
        found = [r for r in csv.DictReader(file) if r["name"] == name and contains in r["args"]]
    assert len(found) == 1
    return float(found[0]["value"])


@pytest.mark.parametrize(
    ("law", "parameters", "row", "name", "contains"),
    [
        ("chinchilla", {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658},
         {"parameters": 70e9, "tokens": 1.4e12}, "chinchilla_loss", "epoch"),
        ("kaplan", {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103},
         {"parameters": 1e9, "tokens": 1e10}, "kaplan_L_ND", ""),
        ("repeated", {"A": np.exp(6.255414), "B": np.exp(7.3049974), "E": np.exp(0.6254804),
                      "alpha": 0.3526596, "beta": 0.3526596, "R_N": 5.309743, "R_D": 15.387756},
         {"parameters": 2.8e9, "tokens": 5.5e10, "unique_tokens": 1.1e10}, "muennighoff_loss", ""),
        ("m4", {"beta": 2, "c": 0.3, "alpha": 0.8, "eps_inf": 0.05, "eps_0": 1},
         {"size": 1e4}, "m4", ""),
        ("bnsl1", {"a": 0.1, "b": 2, "c0": 0.2, "c1": 0.5, "d1": 100, "f1": 0.3},
         {"size": 1e3}, "bnsl", "x=1000;"),
        ("bnsl2", {"a": 0.1, "b": 2, "c0": 0.2, "c1": 0.5, "d1": 1e2, "f1": 0.3, "c2": -0.4,
                   "d2": 1e4, "f2": 0.1}, {"size": 1e6}, "bnsl", "x=1e6"),
    ],
)  # fmt: skip
def test_printed_values(law, parameters, row, name, contains):
    value = catalogue.NAMED[law].value(parameters, {k: np.array([v]) for k, v in row.items()})
    assert value[0] == pytest.approx(reference(name, contains), rel=1e-12)


def test_precision_takes_the_printed_effective_parameters():
    """Kumar et al. (2024): N_eff of a billion at 4, 16, 16 bits, read off A N_eff^-1 alone."""
    parameters = {"A": 1.0, "B": 0.0, "E": 0.0, "alpha": -1.0, "beta": 0.5, "gamma_w": 2.6745,
                  "gamma_a": 2.2102, "gamma_kv": 0.9578}  # fmt: skip
    row = {"parameters": 1e9, "tokens": 1e10, "weight_bits": 4, "activation_bits": 16,
           "cache_bits": 16}  # fmt: skip
    value = catalogue.precision.value(parameters, {k: np.array([v]) for k, v in row.items()})
    assert value[0] == pytest.approx(reference("precision_N_eff", ""), rel=1e-12)


@given(st.floats(-300, 300), st.floats(-300, 300), st.floats(-50, 50))
def test_sums_of_powers_never_overflow(a, b, alpha):
    law = law_module.law("exp(a) / x**alpha + exp(b)", ("x",))
    got = law.log_value({"a": a, "b": b, "alpha": alpha}, {"x": np.array([1e3])})[0]
    assert got == pytest.approx(np.logaddexp(a - alpha * np.log(1e3), b), rel=1e-12, abs=1e-12)


@settings(max_examples=30)
@given(st.floats(0.05, 1.0), st.floats(0.05, 1.0), st.floats(1.0, 3.0))
def test_special_cases_agree(alpha, beta, e):
    t = table(catalogue.chinchilla)
    five = {"A": 400.0, "B": 900.0, "E": e, "alpha": alpha, "beta": beta}
    plain = catalogue.chinchilla.value(five, t)
    assert catalogue.outer.value({**five, "kappa": 1.0}, t) == pytest.approx(plain, rel=1e-12)
    same = {**five, "beta": alpha}
    four = {k: v for k, v in five.items() if k != "beta"}
    assert catalogue.tied.value(four, t) == pytest.approx(
        catalogue.chinchilla.value(same, t), rel=1e-12
    )
    once = {**t, "unique_tokens": t["tokens"]}
    wide = catalogue.repeated.value({**five, "R_N": 1e8, "R_D": 1e8}, once)
    # 1 - exp(-x/R) loses digits as R grows: R itself is the tolerance here.
    assert wide == pytest.approx(plain, rel=1e-4)


def test_a_coefficient_of_zero_switches_its_term_off():
    t = table(catalogue.chinchilla)
    value = catalogue.chinchilla.value({"A": 400, "B": 0, "E": 0, "alpha": 0.3, "beta": 0.3}, t)
    assert value == pytest.approx(400 / t["parameters"] ** 0.3, rel=1e-12)


def test_a_law_of_one_s_own_is_its_formula():
    text = "E + exp(-alpha * log(size)) * A + size^0.5 / min(size, 5)**2 + sqrt(size)"
    own, x = law_module.law(text, ("size",)), table(catalogue.power)["size"]
    expected = 0.2 + 3.0 * x**-0.4 + x**0.5 / np.minimum(x, 5) ** 2 + np.sqrt(x)
    assert own.value({"A": 3.0, "E": 0.2, "alpha": 0.4}, {"size": x}) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "a.b", "a[0] + x", "lambda: a", "a if x else b", "a; b", "f(x) + a",
     "exp(x, a)", "a < x", "'a' + x", "a + True", "x ** 2", "", "a +", "exp(*a)", "[a]", "a @ x"],
)  # fmt: skip
def test_text_that_is_no_formula_is_refused(text):
    with pytest.raises(ValueError, match="`formula` must be"):
        parsed(text, ("x",))


def test_columns_are_renamed_everywhere():
    law = catalogue.bnsl(1).on(size="compute", loss="error")
    assert law.columns == ("compute",)
    assert law.response == "error"
    p = typical(law)
    x = np.array([10.0, 1e4])
    assert law.value(p, {"compute": x}) == pytest.approx(catalogue.bnsl(1).value(p, {"size": x}))
    with pytest.raises(ValueError, match="did you mean `size`"):
        catalogue.power.on(sizes="x")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"A": 1.0}, "complete"),
        ({"A": 1.0, "alpha": 0.3, "E": 0.1, "gamma": 2}, "parameter of the law"),
        ({"A": -1.0, "alpha": 0.3, "E": 0.1}, "positive"),
        ({"A": 1.0, "alpha": np.nan, "E": 0.1}, "finite"),
    ],
)
def test_bad_parameters_are_refused(parameters, says):
    with pytest.raises(ValueError, match=says):
        catalogue.power_constant.value(parameters, {"size": np.array([1.0])})
