"""How wrong are compute-optimal sizes read off isoFLOP parabolas, without any noise?

Runs of equal compute lie around the optimum of a known law, noise-free. A parabola through each
budget's losses gives a vertex, a line through the vertices extrapolates. Where the law's exponents
differ the parabola is not symmetric as the law is not, and the line misses. Grid width, centring
and asymmetry are knobs; a table of real runs may be read too.

Source:
    Czech et al. (2026), arXiv:2603.22339, on Approach 2 of Hoffmann et al. (2022),
    arXiv:2203.15556.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.claims import Claims, Statement, Summary, Values
from workbench.experiments.scaling._run_tables import by_meaning
from workbench.knobs import Knobs, knob
from workbench.scaling.fitting import fit
from workbench.scaling.frontier import IsoFlop, bias, isoflop
from workbench.tables.table import SUFFIXES
from workbench.watch import steps

PAPER = "Czech et al. (2026)"
COEFFICIENTS = {"A": 406.4, "B": 410.7, "E": 1.69}
ZETTA = 1e21
BUDGETS = np.logspace(17, 21, 5)
WIDTHS = np.geomspace(1.5, 64, 24)

CHINCHILLA = Statement(
    PAPER,
    "section 3, Chinchilla surface",
    "At exponents 0.34 and 0.28 and grids of 16 times either way, tokens at 1e24 FLOP come out "
    "5.10 % too small without noise",
)
STRONG = Statement(
    PAPER,
    "section 3, asymmetric surface",
    "At exponents 0.465 and 0.155 they come out 23.1 % too small",
)
SYMMETRIC = Statement(
    PAPER, "section 3, symmetric surface", "At equal exponents a centred grid has no bias at all"
)
NARROW = Statement(
    PAPER, "section 3, grid width", "The bias shrinks with the grid: at 2 times it is under 0.5 %"
)
OFF_CENTRE = Statement(
    PAPER,
    "section 4, centring",
    "Off-centre grids bias even a surface of equal exponents",
)


class Params(Knobs):
    """The knobs of the experiment."""

    alpha: float = knob(0.34, "exponent of parameters", span=(0.05, 0.95))
    beta: float = knob(0.28, "exponent of tokens", span=(0.05, 0.95))
    width: float = knob(16.0, "factor from a grid's centre to its end", span=(1.2, 64.0), log=True)
    centre: float = knob(1.0, "the grid's centre over the optimum", span=(0.1, 10.0), log=True)
    points: int = knob(15, "runs a budget", span=(3, 99))
    target: float = knob(1000.0, "compute extrapolated to, in 1e21 FLOP", span=(1.0, 1e6), log=True)
    runs_file: str = knob("", "your runs: compute, sizes, losses", suffixes=SUFFIXES)


class Result(NamedTuple):
    """Relative errors of the extrapolated tokens, and what the real runs say."""

    widths: Float[np.ndarray, " widths"]
    parabola: Float[np.ndarray, " widths"]
    akima: Float[np.ndarray, " widths"]
    here: float
    published: dict[str, float]
    tables: dict[str, IsoFlop]
    left_out: tuple[str, ...]


def run(params: Params) -> Result:
    """The bias over grid widths at the knobs, at the paper's settings, and on the real runs."""
    tables, left_out = _tables(params.runs_file) if params.runs_file else ({}, ())
    return _over(params, WIDTHS)._replace(published=_published(), tables=tables, left_out=left_out)


def first_look(params: Params) -> Result:
    """What the main figure shows, at every third width."""
    return _over(params, np.append(WIDTHS[:-1:3], WIDTHS[-1]))


def _over(params: Params, widths: Float[np.ndarray, " widths"]) -> Result:
    """The bias at the knobs, on its own and over widths of the grid."""
    law = surface(params.alpha, params.beta)
    how = {"points": params.points, "offset": params.centre}
    wide = [
        [bias(law, BUDGETS, params.target * ZETTA, width=w, method=m, **how) for w in steps(widths)]
        for m in ("parabola", "akima")
    ]
    here = bias(law, BUDGETS, params.target * ZETTA, width=params.width, **how)
    return Result(widths, np.array(wide[0]), np.array(wide[1]), here, {}, {}, ())


def surface(alpha: float, beta: float) -> dict[str, float]:
    """A law with the paper's coefficients and these exponents."""
    return {**COEFFICIENTS, "alpha": alpha, "beta": beta}


def _published() -> dict[str, float]:
    """The paper's settings: five budgets from 1e17 to 1e21, 15 runs each, target 1e24."""
    at = {
        "chinchilla": (0.34, 0.28, {}),
        "strong": (0.465, 0.155, {}),
        "symmetric": (0.31, 0.31, {}),
        "narrow": (0.34, 0.28, {"width": 2.0}),
        "off centre": (0.31, 0.31, {"offset": 3.0}),
    }
    return {k: bias(surface(a, b), BUDGETS, 1e24, **how) for k, (a, b, how) in at.items()}


def _tables(path: str) -> tuple[dict[str, IsoFlop], tuple[str, ...]]:
    """One isoFLOP reading for each experiment in the file, and what was left out of them."""
    table, read = by_meaning(path, "runs_file", ("parameters", "compute", "loss"))
    rows = len(table.lines)
    marked = np.array([str(v).lower() in ("true", "1", "1.0") for v in table.get("outlier", [])])
    kept = ~marked if len(marked) else np.ones(rows, bool)
    names = table.get("experiment", np.full(rows, "all runs", object)).astype(str)
    found, reasons = {}, list(table.notes)
    if not kept.all():
        reasons.append(f"{int((~kept).sum())} rows that the file marks as outliers")
    for name in dict.fromkeys(names[kept].tolist()):
        mine = {k: v[kept & (names == name)] for k, v in read.items()}
        try:
            found[name] = _one(mine)
        except ValueError as error:
            reasons.append(f"{name}: {error}")
    return found, tuple(reasons)


def _one(runs: dict[str, np.ndarray]) -> IsoFlop:
    """The reading of one experiment; its bias is NaN where its runs cannot be fitted jointly."""
    joint = {k: runs[k] for k in ("parameters", "loss")}
    joint["tokens"] = runs["compute"] / 6 / runs["parameters"]
    try:
        law = fit("chinchilla", joint, delta=1e-2).parameters
        return isoflop(runs, law=law)
    except ValueError:
        return isoflop(runs)


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    told = {"bias at the knobs": result.here}
    told |= {f"bias, {k}": v for k, v in result.published.items()}
    for name, found in result.tables.items():
        told[f"exponent, {name}"] = found.exponent
        if np.isfinite(found.bias):
            told[f"bias of its grid, {name}"] = found.bias
    return Summary(told)


def read(result: Result) -> Values:
    """What was read off the real runs, and what was left out."""
    if not result.tables and not result.left_out:
        return Values({"real runs": "none were given"})
    told: dict[str, float | str] = {}
    for name, found in result.tables.items():
        told[f"{name}: exponent"] = found.exponent
        told[f"{name}: its standard error"] = _or_words(found.exponent_error)
        told[f"{name}: bias"] = _or_words(found.bias)
    return Values({**told, "left out": "; ".join(result.left_out) or "nothing"})


def _or_words(value: float) -> float | str:
    return value if np.isfinite(value) else "not determined"


def claims(params: Params, result: Result) -> Claims:
    """The paper's claims at its own settings, the same in every run."""
    found = result.published
    return Claims(
        [
            CHINCHILLA.agrees(expected=(-0.05105, -0.05095), measured=found["chinchilla"]),
            STRONG.agrees(expected=(-0.2315, -0.2305), measured=found["strong"]),
            SYMMETRIC.bounded(above=-1e-12, below=1e-12, measured=found["symmetric"]),
            NARROW.bounded(above=-0.005, below=0.005, measured=found["narrow"]),
            OFF_CENTRE.bounded(
                above=1e-3, measured=abs(found["off centre"]), note="centre at 3 times the optimum"
            ),
        ]
    )


def alternative(result: Result) -> str:
    """What the main figure shows, in words."""
    ends = result.parabola[0], result.parabola[-1]
    return (
        "Relative error of extrapolated tokens against the width of the grid: by parabolas "
        f"{ends[0]:.3g} at a factor {result.widths[0]:.3g} and {ends[1]:.3g} at "
        f"{result.widths[-1]:.3g}; by Akima's interpolant {result.akima[-1]:.3g} there."
    )
