"""Power law, constant or broken: which law extrapolates real learning curves best?

Each curve's beginning is fitted by three laws of the training size and its end is predicted. The
curves that come with this page are errors of ordinary learners on tabular data; the paper that
proposed broken power laws scored them on other curves, which may be given as a file.

Source:
    Caballero et al. (2023), arXiv:2210.14891; the benchmark is that of Alabdulmohsin et al. (2022),
    arXiv:2209.06640.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workbench.checks import refuse
from workbench.claims import Claim, Claims, Statement, Summary
from workbench.intervals import binomial_interval
from workbench.knobs import Knobs, knob
from workbench.scaling.bundled import lcdb
from workbench.scaling.curves import Curves, learning_curves

PAPER = "Caballero et al. (2023)"
DEVIATIONS, SAME = 2.0, 1e-3
FILE = ("Domain", "Task", "Model", "Seen Examples", "Loss", "Training")

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

    curves_file: str = knob("", "a benchmark table in place of the curves here", suffixes=(".csv",))
    curves: int = knob(120, "how many curves are drawn at most", span=(4, 300), log=True)
    held: float = knob(0.4, "share of each curve held out, its largest sizes", span=(0.1, 0.6))


class Result(NamedTuple):
    """All laws on all curves, and where the fitted part ends."""

    found: Curves
    rows_dropped: int


def run(params: Params) -> Result:
    """The three laws on each curve's beginning, scored on its end."""
    if params.curves_file:
        table, held = benchmark(params.curves_file), "Training"
        curve, size, loss = FILE[:3], "Seen Examples", "Loss"
    else:
        table, held = lcdb(), params.held
        curve, size, loss = ("dataset", "learner"), "size_train", "test_error"
    zero = np.asarray(table[loss]) <= 0
    table = {k: np.asarray(v)[~zero] for k, v in table.items()}
    names = [" / ".join(k) for k in zip(*(table[c].astype(str) for c in curve), strict=True)]
    every = list(dict.fromkeys(names))
    drawn = np.random.default_rng(params.seed).permutation(len(every))[: params.curves]
    mine = np.isin(names, [every[i] for i in drawn])
    table = {k: v[mine] for k, v in table.items()}
    found = learning_curves(table, curve, size=size, loss=loss, held=held)
    return Result(found, int(zero.sum()))


def benchmark(path: str) -> dict[str, np.ndarray]:
    """The table of the public benchmark: curves named by three columns, rows marked to fit."""
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(FILE) <= set(rows[0]):
        refuse("curves_file", "a table with columns " + ", ".join(FILE), path)
    numeric = {k: np.array([float(r[k]) for r in rows]) for k in FILE[3:]}
    return {**{k: np.array([r[k] for r in rows]) for k in FILE[:3]}, **numeric}


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    found = result.found
    told: dict[str, float] = {"curves": len(found.names), "too short": len(found.skipped)}
    told["rows of zero error left out"] = result.rows_dropped
    told |= {f"median held-out error, {n}": m for n, m in found.medians.items()}
    told |= {f"curves won, {n}": w for n, w in found.wins.items()}
    return Summary(told)


def claims(params: Params, result: Result) -> Claims:
    """Shares of the curves that decide between two laws, with binomial intervals, against half."""
    found = result.found
    plain, constant = (found.scores[n].held for n in ("power", "power_constant"))
    # Where the constant vanishes both laws are one, and their curve says nothing about it.
    apart = np.abs(constant / plain - 1) > SAME
    second = max(n for k, n in found.wins.items() if k != "bnsl1")
    told = ", ".join(f"{k} {v:.3g}" for k, v in found.medians.items())
    won = ", ".join(f"{k} {v}" for k, v in found.wins.items())
    return Claims(
        [
            _more(BROKEN, found.wins["bnsl1"], second, f"curves won: {won}; medians: {told}"),
            _more(
                CONSTANT,
                int((apart & (constant < plain)).sum()),
                int((apart & (constant > plain)).sum()),
                f"on {int((~apart).sum())} curves the two laws coincide",
            ),
        ]
    )


def _more(statement: Statement, wins: int, losses: int, note: str) -> Claim:
    if wins + losses == 0:
        return statement.beyond(expected="above 0.5", note="no curve decides; " + note)
    return statement.bounded(
        above=0.5,
        measured=wins / (wins + losses),
        interval=binomial_interval(wins, wins + losses, DEVIATIONS),
        note=f"{wins} of the {wins + losses} curves that decide; {note}",
    )


def errors(result: Result, law: str) -> tuple[np.ndarray, np.ndarray]:
    """The held-out errors of a law in ascending order, and the share of curves below each."""
    held = np.sort(result.found.scores[law].held)
    return held, np.arange(1, len(held) + 1) / len(held)


def alternative(result: Result) -> str:
    """What the main figure shows, in words."""
    told = ", ".join(f"{n} {m:.3g}" for n, m in result.found.medians.items())
    return f"Share of curves below each held-out error, one line a law; medians: {told}."
