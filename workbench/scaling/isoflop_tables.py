"""Real isoFLOP runs from a table: one reading for each experiment in it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from workbench.checks import refuse
from workbench.scaling.fitting import fit
from workbench.scaling.frontier import IsoFlop, isoflop


def read_isoflops(path: str | Path) -> tuple[dict[str, IsoFlop], int]:
    """A reading by parabolas of every experiment in a table, and how many outliers it leaves out.

    The bias of each grid is that under a Chinchilla law fitted to the same runs by Huber's loss.

    Args:
        path: a CSV file with the columns `budget` [FLOP], `params`, `loss`, and optionally
            `experiment` and `outlier`, where rows marked True are left out.

    Raises:
        ValueError: if a column is missing.
    """
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("budget", "params", "loss"):
        if not rows or name not in rows[0]:
            refuse("runs_file", "a table with columns budget, params, loss", str(path))
    retained = [r for r in rows if r.get("outlier", "False") != "True"]
    readings = {}
    for name in dict.fromkeys(r.get("experiment", "all runs") for r in retained):
        mine = [r for r in retained if r.get("experiment", "all runs") == name]
        c, n, y = (np.array([float(r[k]) for r in mine]) for k in ("budget", "params", "loss"))
        joint = fit("chinchilla", {"parameters": n, "tokens": c / 6 / n, "loss": y}, delta=1e-2)
        runs = {"compute": c, "parameters": n, "loss": y}
        readings[name] = isoflop(runs, law=joint.parameters)
    return readings, len(rows) - len(retained)
