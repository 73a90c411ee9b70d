"""The laws that are held against each other, and what each foresees of rows it has not seen."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from workbench.scaling.fitting import Fit, fit
from workbench.scaling.laws import NAMED, Law, law
from workbench.watch import steps

NO_FLOOR = law(
    "A / parameters**alpha + B / tokens**beta", ("parameters", "tokens"), name="no_constant"
)
# Of one variable, and of two.
ONE = tuple(NAMED[name] for name in ("power", "power_constant", "bnsl1"))
TWO = (NO_FLOOR, *(NAMED[name] for name in ("tied", "chinchilla", "outer")))


def foreseen_by(
    laws: Iterable[Law],
    table: dict[str, np.ndarray],
    kept: np.ndarray,
    how: dict[str, Any],
    starts: Mapping[str, list[dict[str, float]]] | None = None,
) -> dict[str, Fit]:
    """Each law fitted to the rows that are kept, by its name.

    Args:
        laws: the laws.
        table: the columns.
        kept: which of the rows.
        how: what `fit` is told of loss and columns.
        starts: by name the points a law starts from, in place of its grid.
    """
    rows = {k: v[kept] for k, v in table.items()}
    with warnings.catch_warnings():
        # Said of the whole table.
        warnings.simplefilter("ignore")
        found = [fit(law, rows, **how, starts=(starts or {}).get(law.name)) for law in steps(laws)]
    return {f.law.name: f for f in found}
