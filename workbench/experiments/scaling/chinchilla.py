"""Does the published Chinchilla fit stand at the minimum of its own objective?

The published constants alone say what each set advises: how many tokens per parameter, at what
loss, and whether rounding a constant changes the advice. Given the points extracted from the
paper's figure, the law is also fitted by Huber's loss to its true minimum and by least absolute
deviations, with and without the five highest losses, and the optimum gets bands from resampled
rows; then the claims about the fit are put to the test as well.

Source:
    Hoffmann et al. (2022), arXiv:2203.15556, Approach 3; Besiroglu et al. (2024), arXiv:2404.10102.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.checks import refuse
from workbench.experiment.decisions import Claim, Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.scaling.allocation.optimum import Split, bands, optimal_split
from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.result import Fit
from workbench.scaling.inference.bootstrap import Bootstrap, bootstrap
from workbench.scaling.inference.comparison import UNDETERMINED
from workbench.scaling.laws import catalogue
from workbench.scaling.run_tables import by_meaning
from workbench.tables.table import SUFFIXES

HOFFMANN, EPOCH = "Hoffmann et al. (2022)", "Besiroglu et al. (2024)"
NAMES = ("A", "B", "E", "alpha", "beta")
TEX = dict(zip(NAMES, (406.401018, 410.722827, 1.69337368, 0.33917084, 0.2849083), strict=True))
ROUNDED = dict(zip(NAMES, (406.4, 410.7, 1.69, 0.34, 0.28), strict=True))
REPLICATED = dict(zip(NAMES, (482.01, 2085.43, 1.8172, 0.3478, 0.3658), strict=True))
SETS = {"printed": ROUNDED, "TeX source": TEX, "replication": REPLICATED}
CHINCHILLA, ZETTA = 5.76e23, 1e21
DELTA, DROPPED = 1e-3, 5
BUDGETS = np.logspace(18, 26, 33)
RATIOS = np.geomspace(2.0, 500.0, 121)

RATIO = Statement(
    HOFFMANN, "table 3, Approach 3", "A budget of 5.76e23 FLOP buys about 20 tokens per parameter"
)
EXPONENT = Statement(
    HOFFMANN, "table 2, Approach 3", "Under the printed constants the best size grows as C^0.46"
)
ROUNDING = Statement(
    HOFFMANN, "eq. 10", "The printed constants advise what the unrounded ones of the TeX source do"
)
REPLICA = Statement(
    EPOCH, "section 3", "The replicated constants give a size exponent of 0.513, in line with 0.5"
)
TWENTY = Statement(
    EPOCH, "section 4", "The replicated constants advise about 20 tokens per parameter at 5.76e23"
)
HUBER = Statement(
    EPOCH, "table 1", "beta = 0.3658 minimises Huber's loss with delta 1e-3 over the 240 points"
)
ABSOLUTE = Statement(
    EPOCH, "table 1", "The published A = 482.01 is the fit (it is, of absolute deviations)"
)
COST = Statement(
    HOFFMANN, "eq. 10", "The printed constants fit the points as well as the best ones do"
)
OUTLIERS = Statement(
    EPOCH, "appendix", "Dropping the five highest losses changes the estimates little"
)
OPTIMUM = Statement(
    EPOCH, "section 4", "The refitted optimum at 5.76e23 is consistent with 20 tokens per parameter"
)


class Params(Knobs):
    """The knobs of the experiment."""

    compute: float = knob(576.0, "budget of the optimum, in 1e21 FLOP", span=(1e-3, 1e6), log=True)
    points_file: str = knob("", "your points: sizes, tokens or compute, losses", suffixes=SUFFIXES)
    delta: float = knob(1e-3, "where Huber's loss turns linear", span=(1e-5, 1.0), log=True)
    dropped: int = knob(5, "points of highest loss left out", span=(0, 50))
    resamples: int = knob(
        4000, "resamples of the points", span=(100, 20000), log=True, is_budget=True
    )


class Measured(NamedTuple):
    """What the points say: fits at the knobs, and at the published delta and points."""

    fitted: Fit
    drawn: Bootstrap
    huber: Fit
    absolute: Fit
    with_outliers: Fit
    published_drawn: Bootstrap
    printed: float
    unrounded: float
    is_enough: bool


class Result(NamedTuple):
    """Optima of every set of constants, the loss around them, and the fits where there are points.

    `excess` is the loss above a set's own least at the knobs' budget, for each of `ratios`.
    """

    budgets: Float[np.ndarray, " budgets"]
    optima: dict[str, Split]
    ratios: Float[np.ndarray, " ratios"]
    excess: dict[str, np.ndarray]
    best: dict[str, Split]
    measured: Measured | None


def run(params: Params) -> Result:
    """What the constants advise, and the fits if points are given."""
    measured = _measured(params) if params.points_file else None
    sets = SETS | ({"fit of the points": measured.fitted.parameters} if measured else {})
    compute = params.compute * ZETTA
    best = {n: optimal_split(p, compute) for n, p in sets.items()}
    return Result(
        BUDGETS,
        {n: optimal_split(p, BUDGETS) for n, p in sets.items()},
        RATIOS,
        {n: _loss(p, compute) - best[n].loss for n, p in sets.items()},
        best,
        measured,
    )


def _loss(constants: dict[str, float], compute: float) -> np.ndarray:
    """The loss of a budget split at each of `RATIOS` tokens per parameter."""
    n = np.sqrt(compute / 6 / RATIOS)
    return catalogue.chinchilla.value(constants, {"parameters": n, "tokens": n * RATIOS})


def _measured(params: Params) -> Measured:
    every = points(params.points_file)
    table = _without_highest(every, params.dropped)
    fitted = fit("chinchilla", table, delta=params.delta)
    drawn = bootstrap(fitted, params.resamples, rng=params.seed)
    huber, again = fitted, drawn
    # A table too small for the published points has no claims about them; see `_by_points`.
    published = DROPPED if len(every["loss"]) >= DROPPED + len(NAMES) else 0
    if (params.delta, params.dropped) != (DELTA, published):
        table = _without_highest(every, published)
        huber = fit("chinchilla", table, delta=DELTA)
        again = bootstrap(huber, params.resamples, rng=params.seed)

    def objective(constants: dict[str, float]) -> float:
        residuals = catalogue.chinchilla.log_value(constants, table) - np.log(table["loss"])
        return float(huber.cost.total(residuals, huber.weights))

    return Measured(
        fitted, drawn, huber,
        fit("chinchilla", table, loss="absolute"),
        fit("chinchilla", every, delta=DELTA),
        again, objective(ROUNDED), objective(TEX), published == DROPPED,
    )  # fmt: skip


def _without_highest(table: dict[str, np.ndarray], dropped: int) -> dict[str, np.ndarray]:
    most = len(table["loss"]) - len(NAMES)
    if dropped > most:
        refuse("dropped", f"at most {most}, with this file", dropped)
    kept = table["loss"] < (np.sort(table["loss"])[-dropped] if dropped else np.inf)
    return {k: v[kept] for k, v in table.items()}


def points(path: str) -> dict[str, np.ndarray]:
    """The columns of the points; without one of tokens they are compute over six times the size."""
    return by_meaning(path, "points_file", ("parameters", "tokens", "loss"))[1]


def exponent(p: dict[str, float]) -> float:
    """The exponent a of the optimal size, N ∝ C^a."""
    return p["beta"] / (p["alpha"] + p["beta"])


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    told: dict[str, float | str] = {
        f"tokens per parameter, {n}": float(s.ratio) for n, s in result.best.items()
    }
    told |= {f"least loss, {n}": float(s.loss) for n, s in result.best.items()}
    if result.measured:
        m = result.measured
        told |= {"objective": m.fitted.objective, "objective, printed constants": m.printed}
        told |= m.fitted.parameters
        errors = m.drawn.errors
        told |= {f"standard error of {k}": v if np.isfinite(v) else UNDETERMINED
                 for k, v in errors.items()}  # fmt: skip
        told |= {"optimal parameters": float(result.best["fit of the points"].parameters)}
    return Summary(told)


def claims(params: Params, result: Result) -> Claims:
    """What the constants decide; and, where points are given, what they say about the fit."""
    ratio = {n: float(optimal_split(p, CHINCHILLA).ratio) for n, p in SETS.items()}
    found = [
        RATIO.agrees(expected=(15.0, 25.0), measured=ratio["printed"],
                     note=f"by the printed constants; {ratio['TeX source']:.3g} by those of the "
                     "TeX source"),
        EXPONENT.agrees(expected=(0.455, 0.465), measured=exponent(ROUNDED),
                        note=f"{exponent(TEX):.4f} by the TeX source, which does round to 0.46"),
        ROUNDING.agrees(expected=(0.95, 1.05), measured=ratio["printed"] / ratio["TeX source"],
                        note="tokens per parameter at 5.76e23 FLOP, printed over TeX source"),
        REPLICA.agrees(expected=(0.5125, 0.5135), measured=exponent(REPLICATED)),
        TWENTY.agrees(expected=(15.0, 25.0), measured=ratio["replication"],
                      note="by the constants as printed in the replication"),
    ]  # fmt: skip
    return Claims([*found, *(_by_points(result.measured) if result.measured else [])])


def _by_points(m: Measured) -> list[Claim]:
    """The claims about the fit, at the published delta and points whatever the knobs are."""
    if not (m.is_enough and m.huber.objective > 0):
        told = f"{len(m.huber.weights)} points are too few, or lie on the law itself"
        every = (HUBER, ABSOLUTE, COST, OUTLIERS, OPTIMUM)
        return [s.beyond(expected="of the published points", note=told) for s in every]
    found = m.huber.parameters
    low, _, high = (float(e[0]) for e in bands(m.published_drawn, CHINCHILLA)["ratio"])
    error = m.published_drawn.errors["beta"]
    change = abs(m.with_outliers.parameters["beta"] - found["beta"])
    return [
        HUBER.agrees(expected=(0.36575, 0.36585), measured=found["beta"],
                     note=f"the minimum has beta {found['beta']:.6f}, exponent "
                     f"{exponent(found):.5f}, objective {m.huber.objective:.10g}, reached by "
                     f"{m.huber.agreement:.0%} of the starts"),
        ABSOLUTE.agrees(expected=(482.005, 482.015), measured=m.absolute.parameters["A"],
                        note="by least absolute deviations of log loss, not by Huber's loss"),
        COST.agrees(expected=(0.99, 1.01), measured=m.printed / m.huber.objective,
                    note=f"objective over the least; {m.unrounded / m.huber.objective:.4g} for "
                    "the unrounded constants"),
        OUTLIERS.bounded(below=error, measured=change,
                         note="change of beta when no point is left out, against its standard "
                         "error") if np.isfinite(error) else
        OUTLIERS.beyond(expected="below the standard error of beta",
                        note="the points do not determine beta"),
        OPTIMUM.exact(expected=True, measured=bool(low <= 20 <= high),
                      note=f"20 lies in the 95 % band {low:.3g} to {high:.3g} around "
                      f"{optimal_split(found, CHINCHILLA).ratio:.3g}, and so does much else")
        if low > 0 and np.isfinite(high) else
        OPTIMUM.beyond(expected="20 in the band", note="the points do not determine an optimum"),
    ]  # fmt: skip


def alternative(result: Result) -> str:
    """What the figure of the advice shows, in words."""
    ends = {n: (s.ratio[0], s.ratio[-1]) for n, s in result.optima.items()}
    told = "; ".join(f"{n}: from {a:.3g} to {b:.3g}" for n, (a, b) in ends.items())
    shown = any(band(result, name) is not None for name in result.optima)
    fitted = ", the last with its 95 % band" if shown else ""
    return f"Optimal tokens per parameter against compute, 1e18 to 1e26 FLOP: {told}{fitted}."


def valley(params: Params, result: Result) -> str:
    """What the figure of one budget shows, in words."""
    told = ", ".join(f"{s.ratio:.3g} ({n})" for n, s in result.best.items())
    return (
        f"Loss above the least against tokens per parameter at {params.compute * ZETTA:.3g} FLOP; "
        f"each set of constants has a valley of its own, with its floor at {told}."
    )


def band(result: Result, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The 95 % band of tokens per parameter at every budget, for the fit of the points.

    None where the points do not determine it.
    """
    if result.measured is None or name in SETS:
        return None
    found = bands(result.measured.drawn, result.budgets)["ratio"]
    if not np.isfinite(found.high).all() or not (found.low > 0).all():
        return None
    best = result.optima[name].ratio
    # The percentiles of a few resamples need not hold the estimate itself.
    return np.minimum(found.low, best), np.maximum(found.high, best)
