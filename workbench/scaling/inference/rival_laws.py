"""Rival laws: fits to the same rows, and predictions of held-out rows."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.base.cancellation import steps
from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.result import Fit
from workbench.scaling.inference.comparison import Comparison, compare, scored_cuts
from workbench.scaling.inference.holdout import extrapolation
from workbench.scaling.laws.catalogue import NAMED
from workbench.scaling.laws.law import Law, law

NO_FLOOR = law(
    "A / parameters**alpha + B / tokens**beta", ("parameters", "tokens"), name="no_constant"
)
# Of one variable, and of two.
ONE = tuple(NAMED[name] for name in ("power", "power_constant", "bnsl1"))
TWO = (NO_FLOOR, *(NAMED[name] for name in ("tied", "chinchilla", "outer")))


def rivals_of(
    fitted: Fit, laws: Iterable[Law], table: Mapping[str, np.ndarray], how: dict[str, Any]
) -> tuple[list[Fit], list[str]]:
    """Each law fitted to all rows, and a sentence for each that cannot be fitted to these rows.

    The given fit is among them, not fitted again.
    """
    fits, reasons = [], []
    for rival in steps(laws):
        try:
            own = rival.name == fitted.law.name
            fits.append(fitted if own else fit(rival, table, **how))
        except ValueError as error:
            reasons.append(f"{rival.name} is not compared: {error}")
    return fits, reasons


def judged(fits: Sequence[Fit], holdout: str, share: float) -> tuple[Comparison, list[str]]:
    """The fits by criteria and on the rows held out, and a sentence for each without a score."""
    compared, scores, reasons = compare(fits), {}, []
    for each in fits:
        try:
            scores[each.law.name] = extrapolation(each, scored_cuts([each], holdout, share))
        except ValueError as error:
            reasons.append(f"{each.law.name} is not scored on the rows held out: {error}")
    how = {"holdout": holdout if scores else None, "share": share}
    return dataclasses.replace(compared, extrapolations=scores, **how), reasons


def fitted_without(
    laws: Iterable[Law],
    table: Mapping[str, np.ndarray],
    used: np.ndarray,
    how: dict[str, Any],
    fixed: Mapping[str, Mapping[str, float]],
    starts: Mapping[str, list[dict[str, float]]] | None = None,
) -> dict[str, Fit | None]:
    """Each law fitted to the rows used, by its name; None where they are too few.

    Args:
        laws: the laws.
        table: the columns.
        used: which of the rows.
        how: keywords of `fit` for loss and columns.
        fixed: by name the parameters that a law does not fit.
        starts: by name the points a law starts from, in place of its grid.
    """
    rows = {k: v[used] for k, v in table.items()}
    fits: dict[str, Fit | None] = {}
    with warnings.catch_warnings():
        # The fit to the whole table has warned already.
        warnings.simplefilter("ignore")
        for each in steps(laws):
            own = {"fixed": fixed.get(each.name), "starts": (starts or {}).get(each.name)}
            try:
                fits[each.name] = fit(each, rows, **how, **own)
            except ValueError:
                fits[each.name] = None
    return fits
