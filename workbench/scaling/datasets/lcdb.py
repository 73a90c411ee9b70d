"""The bundled table: learning curves of 20 learners on 14 data sets.

Test errors at training sizes that are powers of √2, means over seeds.

Source:
    Mohr et al. (2022), LCDB 1.0, package lcdb 0.1.0 (MIT licence, © its authors), aggregated from
    its database-accuracy.csv: 14 of 248 OpenML data sets, mean over outer and inner seeds.
"""

from __future__ import annotations

import csv
import functools
from importlib.resources import files

import numpy as np

NUMERIC = ("size_train", "n", "test_error", "test_error_std", "train_error")


def lcdb() -> dict[str, np.ndarray]:
    """Columns dataset, learner, size_train, n, test_error, test_error_std, train_error.

    They are read once and cannot be written to.
    """
    return dict(_lcdb())


@functools.cache
def _lcdb() -> dict[str, np.ndarray]:
    path = files("workbench.scaling.datasets") / "lcdb_subset_error.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    numeric = {k: np.array([float(r[k]) for r in rows]) for k in NUMERIC}
    read = {"dataset": np.array([r["dataset"] for r in rows]),
            "learner": np.array([r["learner"] for r in rows]), **numeric}  # fmt: skip
    for column in read.values():
        column.flags.writeable = False
    return read
