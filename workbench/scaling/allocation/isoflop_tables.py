"""IsoFLOP runs from a table: an estimate for each experiment in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.base.rows import Rows
from workbench.scaling.allocation.isoflop import IsoFlop, isoflop
from workbench.scaling.datasets.run_tables import by_meaning
from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.result import or_undetermined

MEANINGS = ("parameters", "compute", "loss")


def read_isoflops(path: str | Path) -> tuple[dict[str, IsoFlop], tuple[str, ...]]:
    """An estimate by parabolas for every experiment in a table, and what was left out.

    The bias of each grid is that under a Chinchilla law fitted to the same runs by Huber's loss;
    NaN where they cannot be fitted jointly.

    Args:
        path: a table with columns of compute [FLOP], parameters and loss, by any usual name, and
            optionally `experiment` and `outlier`, where rows marked true are left out.

    Raises:
        ValueError: if a column is missing or a cell is no number.
    """
    table, columns = by_meaning(str(path), "runs_file", MEANINGS)
    rows = len(table.lines)
    marked = np.array([str(v).lower() in ("true", "1", "1.0") for v in table.get("outlier", [])])
    retained = ~marked if len(marked) else np.ones(rows, bool)
    names = table.get("experiment", np.full(rows, "all runs", object)).astype(str)
    readings, reasons = {}, list(table.notes)
    if not retained.all():
        reasons.append(f"{int((~retained).sum())} rows that the file marks as outliers")
    for name in dict.fromkeys(names[retained].tolist()):
        mine = {k: v[retained & (names == name)] for k, v in columns.items()}
        try:
            readings[name] = _reading(mine)
        except ValueError as error:
            reasons.append(f"{name}: {error}")
    return readings, tuple(reasons)


def estimates(readings: dict[str, IsoFlop]) -> Rows:
    """The exponent of each experiment's line, its standard error, and the bias of its grid."""
    names = ("experiment", "exponent", "standard error", "bias of its grid")
    rows = [
        (name, *map(or_undetermined, (r.exponent, r.exponent_error, r.bias)))
        for name, r in readings.items()
    ]
    return Rows(names, rows or [("no runs were given", None, None, None)])


def _reading(runs: dict[str, np.ndarray]) -> IsoFlop:
    joint = {k: runs[k] for k in ("parameters", "loss")}
    joint["tokens"] = runs["compute"] / 6 / runs["parameters"]
    try:
        law = fit("chinchilla", joint, delta=1e-2).parameters
        return isoflop(runs, law=law)
    except ValueError:
        return isoflop(runs)
