"""Does the published Chinchilla fit stand at the minimum of its own objective?

Given the points extracted from the paper's figure, the law is fitted by Huber's loss to its true
minimum and by least absolute deviations, with and without the five highest losses, and the optimum
at a budget gets bands from resampled rows. Without them only what the published constants say can
be worked out: what rounding does to the advice.

Source:
    Hoffmann et al. (2022), arXiv:2203.15556, Approach 3; Besiroglu et al. (2024), arXiv:2404.10102.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.checks import refuse
from workbench.claims import Claim, Claims, Statement, Summary
from workbench.knobs import Knobs, knob
from workbench.scaling import laws
from workbench.scaling.fitting import Bootstrap, Fit, bootstrap, fit
from workbench.scaling.frontier import Split, bands, optimal_split

HOFFMANN, EPOCH = "Hoffmann et al. (2022)", "Besiroglu et al. (2024)"
NAMES = ("A", "B", "E", "alpha", "beta")
TEX = dict(zip(NAMES, (406.401018, 410.722827, 1.69337368, 0.33917084, 0.2849083), strict=True))
ROUNDED = dict(zip(NAMES, (406.4, 410.7, 1.69, 0.34, 0.28), strict=True))
REPLICATED = dict(zip(NAMES, (482.01, 2085.43, 1.8172, 0.3478, 0.3658), strict=True))
CHINCHILLA, ZETTA = 5.76e23, 1e21
BUDGETS = np.logspace(18, 26, 33)

RATIO = Statement(
    HOFFMANN, "table 3, Approach 3", "A budget of 5.76e23 FLOP buys about 20 tokens per parameter"
)
ROUNDING = Statement(
    HOFFMANN, "eq. 10", "The printed constants advise what the unrounded ones of the TeX source do"
)
REPLICA = Statement(
    EPOCH, "section 3", "The replicated constants give a size exponent of 0.513, in line with 0.5"
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
    EPOCH, "section 4", "The refitted optimum at 5.76e23 FLOP is about 20 tokens per parameter"
)


class Params(Knobs):
    """The knobs of the experiment."""

    points_file: str = knob(
        "", "extracted points: Model Size, Training FLOP, loss", suffixes=(".csv",)
    )
    delta: float = knob(1e-3, "where Huber's loss turns linear", span=(1e-5, 1.0), log=True)
    dropped: int = knob(5, "points of highest loss left out", span=(0, 50))
    resamples: int = knob(4000, "resamples of the points", span=(100, 20000), log=True)
    compute: float = knob(576.0, "budget of the optimum, in 1e21 FLOP", span=(1e-3, 1e6), log=True)


class Measured(NamedTuple):
    """What the points say."""

    huber: Fit
    absolute: Fit
    with_outliers: Fit
    drawn: Bootstrap
    printed: float
    unrounded: float


class Result(NamedTuple):
    """Optima by published constants at every budget, and the fits where there are points."""

    budgets: Float[np.ndarray, " budgets"]
    published: dict[str, Split]
    measured: Measured | None


def run(params: Params) -> Result:
    """The optima of the published constants, and the fits if points are given."""
    sets = {"printed": ROUNDED, "TeX source": TEX, "replication": REPLICATED}
    optima = {name: optimal_split(p, BUDGETS) for name, p in sets.items()}
    return Result(BUDGETS, optima, _measured(params) if params.points_file else None)


def _measured(params: Params) -> Measured:
    every = points(params.points_file)
    if params.dropped > len(every["loss"]) - 20:
        refuse("dropped", f"at most {len(every['loss']) - 20}, with this file", params.dropped)
    order = np.sort(every["loss"])
    kept = every["loss"] < (order[-params.dropped] if params.dropped else np.inf)
    table = {k: v[kept] for k, v in every.items()}
    huber = fit("chinchilla", table, delta=params.delta)
    at = {
        n: huber.cost.total(
            laws.chinchilla.log_value(p, table) - np.log(table["loss"]), huber.weights
        )
        for n, p in (("printed", ROUNDED), ("tex", TEX))
    }
    return Measured(
        huber,
        fit("chinchilla", table, loss="absolute"),
        fit("chinchilla", every, delta=params.delta),
        bootstrap(huber, params.resamples, rng=params.seed),
        float(at["printed"]),
        float(at["tex"]),
    )


def points(path: str) -> dict[str, np.ndarray]:
    """The columns of the extracted points; tokens are compute over six times the size."""
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("Model Size", "Training FLOP", "loss")
    if not rows or not set(names) <= set(rows[0]):
        refuse("points_file", "a table with columns " + ", ".join(names), path)
    n, c, loss = (np.array([float(r[k]) for r in rows]) for k in names)
    return {"parameters": n, "tokens": c / 6 / n, "loss": loss}


def exponent(p: dict[str, float]) -> float:
    """The exponent a of the optimal size, N ∝ C^a."""
    return p["beta"] / (p["alpha"] + p["beta"])


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    told: dict[str, float] = {}
    for name, p in (("printed", ROUNDED), ("TeX source", TEX), ("replication", REPLICATED)):
        told[f"tokens per parameter, {name}"] = float(
            optimal_split(p, params.compute * ZETTA).ratio
        )
    if result.measured:
        m = result.measured
        told |= {"objective": m.huber.objective, "objective, printed constants": m.printed}
        told |= {k: v for k, v in m.huber.parameters.items()}
        told |= {f"standard error of {k}": v for k, v in m.drawn.errors.items()}
        best = optimal_split(m.huber.parameters, params.compute * ZETTA)
        told |= {"optimal parameters": float(best.parameters), "optimal loss": float(best.loss)}
    return Summary(told)


def claims(params: Params, result: Result) -> Claims:
    """The claims of both papers; those about the fit need the points."""
    ratio = {n: float(optimal_split(p, CHINCHILLA).ratio) for n, p in
             (("printed", ROUNDED), ("tex", TEX))}  # fmt: skip
    found = [
        RATIO.agrees(expected=(15.0, 25.0), measured=ratio["printed"],
                     note=f"{ratio['tex']:.3g} by the unrounded constants"),
        ROUNDING.agrees(expected=(0.95, 1.05), measured=ratio["printed"] / ratio["tex"],
                        note="tokens per parameter at 5.76e23 FLOP, printed over TeX source"),
        REPLICA.agrees(expected=(0.5125, 0.5135), measured=exponent(REPLICATED)),
    ]  # fmt: skip
    return Claims([*found, *(_by_points(result.measured) if result.measured else _without())])


def _by_points(m: Measured) -> list[Claim]:
    huber, beyond = m.huber.parameters, m.huber.cost.name == "huber"
    ratio = optimal_split(huber, CHINCHILLA).ratio
    band = bands(m.drawn, CHINCHILLA)["ratio"]
    away = (exponent(huber), m.huber.objective)
    return [
        HUBER.agrees(expected=(0.36575, 0.36585), measured=huber["beta"],
                     note=f"the minimum has beta {huber['beta']:.6f}, exponent {away[0]:.5f}, "
                     f"objective {away[1]:.10g}, reached by {m.huber.agreement:.0%} of the starts"
                     if beyond else ""),
        ABSOLUTE.agrees(expected=(482.005, 482.015), measured=m.absolute.parameters["A"],
                        note="by least absolute deviations of log loss, not by Huber's loss"),
        COST.agrees(expected=(0.99, 1.01), measured=m.printed / m.huber.objective,
                    note=f"objective over the least; {m.unrounded / m.huber.objective:.4g} for "
                    "the unrounded constants"),
        OUTLIERS.bounded(below=m.drawn.errors["beta"],
                         measured=abs(m.with_outliers.parameters["beta"] - huber["beta"]),
                         note="change of beta when no point is left out, against its standard "
                         "error"),
        OPTIMUM.agrees(expected=(15.0, 25.0), measured=float(ratio),
                       interval=(float(band.low[0]), float(band.high[0])), resolution=1.0,
                       note="the interval is the 95 % band over the resamples"),
    ]  # fmt: skip


def _without() -> list[Claim]:
    needs = "needs the extracted points: set `points_file`"
    return [
        HUBER.beyond(expected="0.3658", note=needs),
        ABSOLUTE.beyond(expected="482.01", note=needs),
        COST.beyond(expected="1", note=needs),
        OUTLIERS.beyond(expected="less than a standard error", note=needs),
        OPTIMUM.beyond(expected="15 to 25", note=needs),
    ]


def alternative(result: Result) -> str:
    """What the main figure shows, in words."""
    ends = {n: (s.ratio[0], s.ratio[-1]) for n, s in result.published.items()}
    told = "; ".join(f"{n}: from {a:.3g} to {b:.3g}" for n, (a, b) in ends.items())
    fitted = "" if result.measured is None else "; and the fit of the points with its 95 % band"
    return f"Optimal tokens per parameter against compute, 1e18 to 1e26 FLOP: {told}{fitted}."


def fitted_band(result: Result) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Low, estimate and high tokens per parameter at every budget, where there are points."""
    if result.measured is None:
        return None
    band = bands(result.measured.drawn, result.budgets)["ratio"]
    best = optimal_split(result.measured.huber.parameters, result.budgets)
    return band.low, best.ratio, band.high
