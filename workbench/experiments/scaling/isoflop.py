"""How wrong are compute-optimal sizes read off isoFLOP parabolas, without any noise?

Runs of equal compute lie around the optimum of a known law, noise-free. A parabola through each
budget's losses gives a vertex, a line through the vertices extrapolates. Where the law's exponents
differ, the loss is not symmetric as a parabola is, and the line is biased. Grid width, centring
and asymmetry are knobs; a table of real runs may be read too.

Source:
    Czech et al. (2026), arXiv:2603.22339, on Approach 2 of Hoffmann et al. (2022),
    arXiv:2203.15556.
"""

from __future__ import annotations

import numpy as np

from workbench.base.cancellation import steps
from workbench.experiment.claims import Claim, Paper, between, equals
from workbench.experiment.measurement import stage
from workbench.experiment.params import Knobs, knob
from workbench.scaling.allocation.isoflop import IsoFlop, bias
from workbench.scaling.allocation.isoflop_tables import MEANINGS, estimates, read_isoflops
from workbench.scaling.datasets.run_tables import by_meaning
from workbench.scaling.fit.result import or_undetermined
from workbench.tables.table import SUFFIXES

PAPER = Paper("Czech et al.", 2026, "arXiv:2603.22339")
COEFFICIENTS = {"A": 406.4, "B": 410.7, "E": 1.69}
BUDGETS, WIDTHS = np.logspace(17, 21, 5), np.geomspace(1.5, 64, 24)


class Params(Knobs):
    """The knobs of the experiment."""

    alpha: float = knob(0.34, "exponent of parameters", span=(0.05, 0.95))
    beta: float = knob(0.28, "exponent of tokens", span=(0.05, 0.95))
    width: float = knob(16.0, "factor from a grid's centre to its end", span=(1.2, 64.0), log=True)
    centre: float = knob(1.0, "the grid's centre over the optimum", span=(0.1, 10.0), log=True)
    points: int = knob(15, "runs a budget", span=(3, 99))
    target: float = knob(1000.0, "compute extrapolated to, in 1e21 FLOP", span=(1.0, 1e6), log=True)
    runs_file: str = knob("", "your runs: compute, sizes, losses", suffixes=SUFFIXES)

    def check_files(self) -> None:
        """Refuses a file that is no table of runs."""
        if self.runs_file:
            by_meaning(self.runs_file, "runs_file", MEANINGS)


def surface(alpha: float, beta: float) -> dict[str, float]:
    """A law with the paper's coefficients and these exponents."""
    return {**COEFFICIENTS, "alpha": alpha, "beta": beta}


@stage
def over_widths(alpha, beta, centre, points, target):
    """The relative error of the extrapolated tokens by each method, over widths of the grid."""
    how = {"points": points, "offset": centre}
    return {
        m: np.array(
            [
                bias(surface(alpha, beta), BUDGETS, target * 1e21, width=w, method=m, **how)
                for w in steps(WIDTHS)
            ]
        )
        for m in ("parabola", "akima")
    }


@stage
def real_runs(runs_file) -> tuple[dict[str, IsoFlop], tuple[str, ...]]:
    """One isoFLOP reading for each experiment in the file, and what was left out of them."""
    return read_isoflops(runs_file) if runs_file else ({}, ())


def published(alpha: float, beta: float, **grid: float) -> float:
    """The bias at the paper's setting: budgets from 1e17 to 1e21, 15 runs each, target 1e24."""
    return bias(surface(alpha, beta), BUDGETS, 1e24, **grid)


def run(p: Params) -> dict:
    """The bias over grid widths at the knobs, at the paper's settings, and on the real runs."""
    readings, left_out = real_runs(p)
    how = {"width": p.width, "points": p.points, "offset": p.centre}
    return {
        "widths": WIDTHS,
        **over_widths(p),
        "bias at the knobs": bias(surface(p.alpha, p.beta), BUDGETS, p.target * 1e21, **how),
        "bias, chinchilla": published(0.34, 0.28),
        "bias, strong": published(0.465, 0.155),
        "bias, symmetric": published(0.31, 0.31),
        "bias, narrow": published(0.34, 0.28, width=2.0),
        "bias, off centre": published(0.31, 0.31, offset=3.0),
        "readings": estimates(readings),
        "left out": "; ".join(left_out) or "nothing",
        **{f"exponent, {name}": reading.exponent for name, reading in readings.items()},
        **{f"bias of its grid, {n}": or_undetermined(r.bias) for n, r in readings.items()},
    }


CLAIMS = [
    Claim(
        "section 3, Chinchilla surface",
        "At exponents 0.34 and 0.28 and grids of 16 times either way, tokens at 1e24 FLOP come out "
        "5.10 % too small without noise",
        equals("bias, chinchilla", "-0.0510"),
    ),
    Claim(
        "section 3, asymmetric surface",
        "At exponents 0.465 and 0.155 they come out 23.1 % too small",
        equals("bias, strong", "-0.231"),
    ),
    Claim(
        "section 3, symmetric surface",
        "At equal exponents a centred grid has no bias at all",
        between("bias, symmetric", above=-1e-12, below=1e-12),
    ),
    Claim(
        "section 3, grid width",
        "The bias shrinks with the grid: at 2 times it is under 0.5 %",
        between("bias, narrow", above=-0.005, below=0.005),
    ),
    Claim(
        "section 4, centring",
        "Off-centre grids bias even a surface of equal exponents",
        between(lambda result: abs(result["bias, off centre"]), above=1e-3),
        note="centre at 3 times the optimum",
    ),
]
