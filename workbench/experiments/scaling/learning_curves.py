"""Power law, constant or broken: which law extrapolates real learning curves best?

Each curve's beginning is fitted by three laws of the training size and its end is predicted, by
default to twice the fitted sizes, as far as the public benchmark of such laws goes (2.1 times). The
curves that come with this page are errors of ordinary learners on tabular data; the paper that
proposed broken power laws scored them on other curves, which may be given as a file.

Source:
    Caballero et al. (2023), arXiv:2210.14891; the benchmark is that of Alabdulmohsin et al. (2022),
    arXiv:2209.06640.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workbench.base.intervals import binomial_interval
from workbench.base.parallel import one_numba_thread
from workbench.experiment.decisions import Claim, Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.scaling.curve_tables import TRAINING, CurveTable, curves_of
from workbench.scaling.laws.catalogue import NAMED
from workbench.scaling.learning_curves import LAWS, SAME, Curves, Scored, learning_curves
from workbench.tables.table import SUFFIXES

PAPER = "Caballero et al. (2023)"
LEVEL, REDRAWN = 0.95, 4000
# Curves of a sketch, and the rows that the broken law asks for, one for each of its parameters.
FEW = 4
LEAST = len(NAMED[LAWS[2]].parameters)

BROKEN = Statement(
    PAPER, "tables 1-2", "A broken power law is best on more curves than any of the other laws"
)
CONSTANT = Statement(
    "Alabdulmohsin et al. (2022)",
    "section 4",
    "A power law with a constant extrapolates more curves better than one without",
)


class Params(Knobs):
    """The knobs of the experiment."""

    curves_file: str = knob("", "your curves in place of those here", suffixes=SUFFIXES)
    curves: int = knob(
        100, "how many curves are drawn at most", span=(4, 300), log=True, is_budget=True
    )
    reach: float = knob(
        2.0, "largest size over the largest fitted size", span=(1.5, 64.0), log=True
    )


class Result(NamedTuple):
    """All laws on all curves, the rows they were fitted to, and how many had no error at all."""

    found: Curves
    curve: np.ndarray
    size: np.ndarray
    loss: np.ndarray
    fitted: np.ndarray
    rows_dropped: int


class Example(NamedTuple):
    """One curve, its fitted and held-out rows, and each law on a fine grid of sizes."""

    name: str
    size: np.ndarray
    loss: np.ndarray
    fitted: np.ndarray
    grid: np.ndarray
    laws: dict[str, np.ndarray]


def run(params: Params) -> Result:
    """The three laws on each curve's beginning, scored on its end."""
    curves = curves_of(params.curves_file)
    drawn = np.random.default_rng(params.seed).permutation(len(curves.every))[: params.curves]
    return _fitted(params, curves, drawn, LAWS)


def first_look(params: Params) -> Result:
    """The two plain laws on few curves, those drawn first; the broken law waits for the run."""
    curves = curves_of(params.curves_file)
    drawn = np.random.default_rng(params.seed).permutation(len(curves.every))[: params.curves]
    long = (i for i in drawn.tolist() if _rows_to_fit(params, curves, i) >= LEAST)
    state = Path(params.curves_file).stat().st_mtime_ns if params.curves_file else 0
    alike = Params(curves_file=params.curves_file, reach=params.reach)
    result = _plain(alike, state, tuple(itertools.islice(long, FEW)))
    none = np.zeros(0)
    waiting = Scored(NAMED[LAWS[2]], none, none, none, none)
    scores = {**result.found.scores, LAWS[2]: waiting}
    return result._replace(found=dataclasses.replace(result.found, scores=scores))


@functools.lru_cache(maxsize=16)
def _plain(params: Params, state: int, some: tuple[int, ...]) -> Result:
    """The two plain laws on some curves; kept until a file's `state` changes."""
    with one_numba_thread():
        return _fitted(params, curves_of(params.curves_file), np.array(some, int), LAWS[:2])


def _marked(params: Params, curves: CurveTable, rows: np.ndarray) -> np.ndarray:
    """Which rows of one curve are fitted: as the file says, or all up to the cut of the knobs."""
    if TRAINING in curves.table:
        return curves.table[TRAINING][rows]
    size = curves.table[curves.size][rows]
    return (size * params.reach <= size.max() * (1 + 1e-9)).astype(float)


def _rows_to_fit(params: Params, curves: CurveTable, which: int) -> int:
    return int((_marked(params, curves, curves.rows[which]) == 1).sum())


def _fitted(params: Params, curves: CurveTable, drawn: np.ndarray, laws: tuple[str, ...]) -> Result:
    """The laws on the curves drawn, where these are long enough for the largest of all laws."""
    marks = np.full(len(curves.names), np.nan)
    for i in drawn.tolist():
        marks[curves.rows[i]] = _marked(params, curves, curves.rows[i])
    mine = np.isfinite(marks)
    table, names = {k: v[mine] for k, v in curves.table.items()}, curves.names[mine]
    table[TRAINING] = marks[mine]
    how = {"size": curves.size, "loss": curves.loss, "held": TRAINING}
    found = learning_curves(table, curves.curve, laws=laws, least=LEAST, **how)
    fitted = table[TRAINING] == 1
    return Result(found, names, table[curves.size], table[curves.loss], fitted, curves.dropped)


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    found = result.found
    told: dict[str, float] = {"curves": len(found.names), "curves left out": len(found.skipped)}
    told["rows of zero error left out"] = result.rows_dropped
    told |= {f"median held-out error, {n}": m for n, m in found.medians.items()}
    told |= {f"curves won, {n}": w for n, w in found.wins.items()}
    return Summary(told)


def claims(params: Params, result: Result) -> Claims:
    """Shares of the curves that decide between two laws, with intervals, against half."""
    found = result.found
    held = {n: s.held for n, s in found.scores.items()}
    rival = max((n for n in held if n != "bnsl1"), key=lambda n: found.wins[n])
    told = ", ".join(f"{k} {v:.3g}" for k, v in found.medians.items())
    won = ", ".join(f"{k} {v}" for k, v in found.wins.items())
    wins = found.best("bnsl1") & ~found.best(rival), found.best(rival) & ~found.best("bnsl1")
    # Where the constant vanishes both laws are one, and their curve says nothing about it.
    apart = np.abs(held["power_constant"] - held["power"]) > SAME * held["power"]
    gain = held["power_constant"] < held["power"]
    return Claims(
        [
            _more(BROKEN, result, *wins, f"curves won, ties to all: {won}; medians: {told}"),
            _more(CONSTANT, result, apart & gain, apart & ~gain,
                  f"on {int((~apart).sum())} curves the two laws coincide"),
        ]
    )  # fmt: skip


def _more(
    statement: Statement, result: Result, wins: np.ndarray, losses: np.ndarray, note: str
) -> Claim:
    won, decided = int(wins.sum()), int((wins | losses).sum())
    if decided == 0:
        return statement.beyond(expected="above 0.5", note="no curve decides; " + note)
    return statement.bounded(
        above=0.5,
        measured=won / decided,
        interval=_interval(result, wins, losses),
        note=f"{won} of the {decided} curves that decide; {note}",
    )


def _interval(result: Result, wins: np.ndarray, losses: np.ndarray) -> tuple[float, float]:
    """The wider of a binomial interval and one from data sets drawn again with all their curves.

    Curves of one data set are no independent trials; a dozen data sets are few to draw from.
    """
    groups = np.array([name.rsplit(" / ", 1)[0] for name in result.found.names])
    each = np.unique(groups, return_inverse=True)[1]
    won, lost = (np.bincount(each, marks) for marks in (wins, losses))
    drawn = np.random.default_rng(0).integers(0, len(won), (REDRAWN, len(won)))
    decided = won[drawn].sum(axis=1) + lost[drawn].sum(axis=1)
    shares = (won[drawn].sum(axis=1) / np.maximum(decided, 1))[decided > 0]
    low, high = np.percentile(shares, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    bottom, top = binomial_interval(int(wins.sum()), int((wins | losses).sum()), 2.0)
    return min(float(low), bottom), max(float(high), top)


def errors(result: Result, law: str) -> tuple[np.ndarray, np.ndarray]:
    """The held-out errors of a law in ascending order, and the share of curves below each."""
    held = np.sort(result.found.scores[law].held)
    return held, np.arange(1, len(held) + 1) / len(held)


def example(result: Result) -> Example:
    """The curve on which the broken law does as well as it usually does, by the median."""
    held = result.found.scores["bnsl1"].held
    at = int(np.argsort(held)[(len(held) - 1) // 2])
    rows = np.flatnonzero(result.curve == result.found.names[at])
    rows = rows[np.argsort(result.size[rows], kind="stable")]
    size = result.size[rows]
    grid = np.geomspace(size[0], size[-1], 120)
    drawn = {
        n: s.law.value(dict(zip(s.law.parameters, s.parameters[at], strict=True)), {"size": grid})
        for n, s in result.found.scores.items()
    }
    name = result.found.names[at]
    return Example(name, size, result.loss[rows], result.fitted[rows], grid, drawn)


def alternative(result: Result) -> str:
    """What the main figure shows, in words."""
    told = ", ".join(
        f"{n} {np.median(s.held):.3g}" if len(s.held) else f"{n} not fitted yet"
        for n, s in result.found.scores.items()
    )
    return f"Share of curves below each held-out error, one line a law; medians: {told}."


def told(shown: Example) -> str:
    """What the figure of one curve shows, in words."""
    ends = ", ".join(f"{n} {y[-1]:.3g}" for n, y in shown.laws.items())
    return (
        f"Error of {shown.name} against training size, {int(shown.fitted.sum())} fitted and "
        f"{int((~shown.fitted).sum())} held-out rows; at the largest size it is "
        f"{shown.loss[-1]:.3g} and the laws say {ends}."
    )
