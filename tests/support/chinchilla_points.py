"""The extracted Chinchilla points where the shared tables are present."""

import csv
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def shared(name):
    """The path of a shared table; the test is skipped, naming the file, where it is absent."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"needs ../shared/data/{name}")
    return path


def rows(name):
    with shared(name).open(newline="") as file:
        return list(csv.DictReader(file))


def column(table, name):
    return np.array([float(row[name]) for row in table])


def extracted(outliers=False):
    """All 245 points, or the 240 below the fifth highest loss."""
    table = rows("chinchilla_svg_extracted.csv")
    n, c, loss = (column(table, k) for k in ("Model Size", "Training FLOP", "loss"))
    keep = loss < (np.inf if outliers else np.sort(loss)[-5])
    return {"parameters": n[keep], "tokens": c[keep] / 6 / n[keep], "loss": loss[keep]}
