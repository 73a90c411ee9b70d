"""Rival laws: fits to the same rows, and predictions of held-out rows."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.cancellation import steps
from workbench.base.checks import refuse
from workbench.scaling.datasets.run_tables import Runs
from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.result import Fit
from workbench.scaling.inference.comparison import Comparison, compare, scored_cuts
from workbench.scaling.inference.holdout import cut, extrapolation
from workbench.scaling.laws.catalogue import NAMED
from workbench.scaling.laws.law import Law, law

NO_FLOOR = law(
    "A / parameters**alpha + B / tokens**beta", ("parameters", "tokens"), name="no_constant"
)
# Of one variable, and of two.
ONE = tuple(NAMED[name] for name in ("power", "power_constant", "bnsl1"))
TWO = (NO_FLOOR, *(NAMED[name] for name in ("tied", "chinchilla", "outer")))


class Predictions(NamedTuple):
    """Predicted over observed losses on every row, by laws fitted without the largest sizes.

    Attributes:
        column: the column of sizes.
        size: the sizes, ascending.
        ratios: predicted over observed by law; NaN where the rows fitted are too few for a law.
        cut: the size up to which rows were fitted.
    """

    column: str
    size: Float[np.ndarray, " rows"]
    ratios: dict[str, Float[np.ndarray, " rows"]]
    cut: float


def rivals_of(fitted: Fit, how: dict[str, Any]) -> tuple[list[Fit], list[str]]:
    """Rival laws fitted to all rows of a fit, and a sentence for each that cannot be.

    The given fit is among them, not fitted again.
    """
    fits, reasons = [], []
    for rival in steps(_laws(len(fitted.law.columns))):
        try:
            own = rival.name == fitted.law.name
            fits.append(fitted if own else fit(rival, fitted.table, **how))
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


def predictions(
    runs: Runs, share: float, how: dict[str, Any], fixed: Mapping[str, Mapping[str, float]]
) -> Predictions:
    """Rival laws fitted without the rows of largest size, beside all rows.

    Args:
        runs: the rows, and their columns of size (and tokens) and loss.
        share: how much of the rows is held out.
        how: keywords of `fit` for loss and columns.
        fixed: by name of a law the parameters that it does not fit.
    """
    column = runs.columns[0]
    size, observed = runs.table[column], runs.table[runs.columns[-1]]
    if size.min() == size.max():
        refuse(column, "a column of more than one value", size[0])
    limit, order = cut(size, share), np.argsort(size, kind="stable")
    rows = {k: v[size <= limit] for k, v in runs.table.items()}
    ratios = {}
    with warnings.catch_warnings():
        # The fit to the whole table has warned already.
        warnings.simplefilter("ignore")
        for law in steps(_laws(len(runs.columns) - 1)):
            try:
                one = fit(law, rows, **how, fixed=fixed.get(law.name))
            except ValueError:
                ratios[law.name] = np.full(len(size), np.nan)
            else:
                ratios[law.name] = (one.predict(runs.table) / observed)[order]
    return Predictions(column, size[order], ratios, limit)


def _laws(variables: int) -> tuple[Law, ...]:
    return ONE if variables == 1 else TWO
