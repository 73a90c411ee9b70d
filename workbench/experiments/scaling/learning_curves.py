"""Power law, constant or broken: which law extrapolates real learning curves best?

Each curve's beginning is fitted by three laws of the training size and its end is predicted, by
default to twice the fitted sizes, as far as the public benchmark of such laws goes (2.1 times). The
bundled curves are errors of ordinary learners on tabular data; the paper that
proposed broken power laws scored them on other curves, which may be given as a file.

Source:
    Caballero et al. (2023), arXiv:2210.14891; the benchmark is that of Alabdulmohsin et al. (2022),
    arXiv:2209.06640.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.base.intervals import clustered_interval
from workbench.experiment.claims import Claim, Measured, Paper, between, undetermined
from workbench.experiment.measurement import stage
from workbench.experiment.params import Knobs, knob
from workbench.scaling.datasets.curve_tables import TRAINING, CurveTable, curves_of, marked
from workbench.scaling.learning_curves import LAWS, SAME, Curves, learning_curves
from workbench.tables.table import SUFFIXES

PAPER = Paper("Caballero et al.", 2023, "arXiv:2210.14891")
BENCHMARK = Paper("Alabdulmohsin et al.", 2022, "arXiv:2209.06640")
POWER, CONSTANT, BROKEN = LAWS


class Params(Knobs):
    """The knobs of the experiment."""

    curves_file: str = knob("", "your curves in place of those here", suffixes=SUFFIXES)
    curves: int = knob(
        80, "how many curves are drawn at most", span=(4, 300), log=True, is_budget=True
    )
    reach: float = knob(
        2.0, "largest size over the largest fitted size", span=(1.5, 64.0), log=True
    )

    def check_files(self) -> None:
        """Refuses a file that is no table of curves."""
        if self.curves_file:
            curves_of(self.curves_file)


@stage
def scores(curves_file, curves, reach, seed) -> tuple[CurveTable, Curves]:
    """Some curves with the rows to fit, and all laws on them; drawn on the host."""
    every = curves_of(curves_file)
    names = list(every.rows)
    drawn = np.random.default_rng(seed).permutation(len(names))[:curves]
    some = marked(every, [names[i] for i in drawn], reach)
    columns = {"size": some.size, "loss": some.loss, "held_out": TRAINING}
    return some, learning_curves(some.table, some.curve, laws=LAWS, **columns)


def run(p: Params) -> dict:
    """The three laws on each curve's beginning, scored on its end."""
    some, scored = scores(p)
    return {
        "curves": len(scored.names),
        "curves left out": len(scored.skipped),
        "rows of zero error left out": some.dropped,
        **{f"median held-out error, {n}": m for n, m in scored.medians.items()},
        **{f"curves won, {n}": w for n, w in scored.wins.items()},
        "laws": scored,
        "example": example(some, scored),
    }


def example(some: CurveTable, scored: Curves) -> dict[str, Any]:
    """The curve with the broken law's median held-out error, and each law along it."""
    held_out = scored.scores[BROKEN].held_out
    at = int(np.argsort(held_out)[(len(held_out) - 1) // 2])
    rows = some.rows[scored.names[at]]
    rows = rows[np.argsort(some.table[some.size][rows], kind="stable")]
    size, loss, fitted = (some.table[c][rows] for c in (some.size, some.loss, TRAINING))
    grid = np.geomspace(size[0], size[-1], 120)
    return {
        "name": scored.names[at],
        **{"size": size, "loss": loss, "fitted": fitted == 1, "grid": grid},
        "laws": {n: s.predict(at, grid) for n, s in scored.scores.items()},
    }


def broken_share(result: dict) -> Measured:
    """The share that the broken law won of the curves that decide between it and its rival."""
    scored = result["laws"]
    rival = max((POWER, CONSTANT), key=lambda n: scored.wins[n])
    won, lost = scored.best(BROKEN), scored.best(rival)
    counts = ", ".join(f"{n} {w}" for n, w in scored.wins.items())
    medians = ", ".join(f"{n} {m:.3g}" for n, m in scored.medians.items())
    note = f"curves won, ties to all: {counts}; medians: {medians}"
    return _share(scored, won & ~lost, lost & ~won, note)


def constant_share(result: dict) -> Measured:
    """Of the curves on which a constant changes the power law, the share it extrapolates better."""
    scored = result["laws"]
    without, constant = (scored.scores[n].held_out for n in (POWER, CONSTANT))
    # Where the constant vanishes both laws are one, and their curve says nothing about it.
    apart = np.abs(constant - without) > SAME * without
    note = f"on {int((~apart).sum())} curves the two laws coincide"
    return _share(scored, apart & (constant < without), apart & (constant >= without), note)


def _share(scored: Curves, won: np.ndarray, lost: np.ndarray, note: str) -> Measured:
    """The share of curves won; those of one data set are not independent."""
    wins, decided = int(won.sum()), int((won | lost).sum())
    if decided == 0:
        return undetermined(f"no curve decides; {note}")
    datasets = [name.rsplit(" / ", 1)[0] for name in scored.names]
    interval = clustered_interval(won, lost, datasets)
    return Measured(
        wins / decided, interval, note=f"{wins} of {decided} curves that decide; {note}"
    )


CLAIMS = [
    Claim(
        "tables 1-2",
        "A broken power law is best on more curves than any of the other laws",
        between(broken_share, above=0.5),
    ),
    Claim(
        "section 4",
        "A power law with a constant extrapolates more curves better than one without",
        between(constant_share, above=0.5),
        paper=BENCHMARK,
    ),
]
