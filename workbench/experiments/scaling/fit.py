"""What does a scaling law fitted to your table of runs say, and how far may it be trusted?

A chosen law is fitted to a table of runs at the true minimum of the chosen loss. The page gives the
fit, its errors by three methods, predictions of larger runs, rival laws by information criteria and
by held-out rows of largest size, and a reporting checklist. Without a table it fits a bundled
learning curve: the test error of a learner against its training size.

Source:
    Hestness et al. (2017), arXiv:1712.00409, for the claims about power laws; Li et al. (2025),
    arXiv:2502.18969, for the checklist.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from workbench.base.checks import refuse
from workbench.base.parallel import one_numba_thread
from workbench.experiment.claims import (
    Claim,
    Measured,
    Paper,
    between,
    equals,
    missing,
    undetermined,
)
from workbench.experiment.measurement import stage
from workbench.experiment.params import KnobError, Knobs, knob
from workbench.scaling.fit.fit import check, fit
from workbench.scaling.fit.request import Request
from workbench.scaling.fit.result import Fit, FitWarning
from workbench.scaling.inference.bootstrap import Bootstrap, bootstrap
from workbench.scaling.inference.comparison import UNDETERMINED, Comparison
from workbench.scaling.inference.holdout import cut
from workbench.scaling.inference.pictures import picture
from workbench.scaling.inference.rival_laws import ONE, TWO, fitted_without, judged, rivals_of
from workbench.scaling.inference.standard_errors import Errors, standard_errors
from workbench.scaling.laws.catalogue import NAMED
from workbench.scaling.report import report
from workbench.scaling.run_tables import Runs
from workbench.tables.table import SUFFIXES

PAPER = Paper("Hestness et al.", 2017, "arXiv:1712.00409")


class Params(Knobs):
    """The knobs of the experiment."""

    table_file: str = knob("", "your table of runs", suffixes=SUFFIXES)
    law: Literal["power_constant", "power", "bnsl1", "chinchilla", "tied", "outer"] = knob(
        "power_constant", "the law to fit"
    )
    loss: Literal["huber", "squared", "absolute", "asymmetric", "student"] = knob(
        "huber", "cost of a residual"
    )
    delta: float = knob(0.01, "corner or scale of the cost", span=(1e-5, 1.0), log=True)
    penalty: float = knob(
        10.0, "price of predicting too much loss, if asymmetric", span=(0.01, 1000.0), log=True
    )
    size_column: str = knob("", "column of sizes or parameters; empty: by its name")
    tokens_column: str = knob("", "column of tokens, for laws of two variables; empty: by its name")
    loss_column: str = knob("", "column of losses; empty: by its name")
    weights_column: str = knob("", "column of the rows' weights; empty: all alike")
    groups_column: str = knob("", "column of groups that are resampled whole; empty: single rows")
    only: str = knob("", "condition that rows fulfil, such as loss < 3; empty: all rows")
    empty_cells: Literal["refuse", "leave out"] = knob(
        "refuse", "rows with an empty cell in a column that is read"
    )
    repeats: Literal["all", "mean", "best"] = knob("all", "which runs of one setting are fitted")
    fixed: str = knob("", "parameters that are not fitted, such as E: 1.69; empty: none")
    held: float = knob(0.3, "share of the rows held out, the largest", span=(0.05, 0.6))
    resamples: int = knob(
        1000, "resamples of the rows", span=(100, 20000), log=True, is_budget=True
    )

    def relations(self) -> None:
        """Adds that the shipped curve has no tokens."""
        super().relations()
        if not self.table_file and len(NAMED[self.law].columns) > 1:
            refuse("law", "of one variable where `table_file` is empty", self.law, KnobError)

    def check_files(self) -> None:
        """Refuses a table that cannot be fitted."""
        if self.table_file:
            checked(self)


@stage
def rows(request: Request) -> Runs:
    """The rows of the table that are fitted."""
    return request.runs


@stage
def checked(request: Request) -> None:
    """Refuses a table that cannot be fitted, before any run."""
    runs, fixed = request.runs, request.fixed_parameters
    check(request.law, runs.table, **request.options(runs), fixed=fixed)


def law_fitted(request: Request) -> Fit:
    """The law at the minimum over the rows."""
    runs = request.runs
    return fit(request.law, runs.table, **request.options(runs), fixed=request.fixed_parameters)


@stage
def fits(request: Request) -> tuple[Fit, list[Fit], list[str], list[str]]:
    """The fit; its rivals' to the same rows, why a law is not among them; and warnings."""
    runs, laws = request.runs, ONE if request.is_of_one else TWO

    def work() -> tuple[Fit, list[Fit], list[str]]:
        own = law_fitted(request)
        return own, *rivals_of(own, laws, runs.table, request.options(runs))

    (own, rivals, unfitted), caught_warnings = _warned(work)
    return own, rivals, unfitted, caught_warnings


@stage
def resampled(request: Request, resamples, seed) -> tuple[Bootstrap, Errors, list[str]]:
    """The fit on resampled rows, drawn on the host; its errors by three methods; and warnings."""

    def work() -> tuple[Bootstrap, Errors]:
        own = law_fitted(request)
        drawn = bootstrap(own, resamples, rng=seed, **request.resampling)
        return drawn, standard_errors(own, drawn)

    (drawn, errors), caught_warnings = _warned(work)
    return drawn, errors, [*caught_warnings, *drawn.remarks]


@stage
def compared(request: Request, held) -> tuple[Comparison, list[str], list[str]]:
    """The laws by criteria and on the rows held out, why one has no score; and warnings."""
    _, rivals, *_ = fits.measure(request)
    (comparison, unscored), caught_warnings = _warned(
        lambda: judged(rivals, request.runs.columns[0], held)
    )
    return comparison, unscored, caught_warnings


@stage
def predictions(request: Request, held) -> dict[str, Any]:
    """Predicted over observed on every row, by laws fitted without the rows beyond the cut."""
    runs = request.runs
    size, observed = (runs.table[c] for c in (runs.columns[0], runs.columns[-1]))
    if size.min() == size.max():
        refuse(runs.columns[0], "a column of more than one value", size[0])
    limit, laws = cut(size, held), ONE if request.is_of_one else TWO
    fixed = {request.law: request.fixed_parameters}
    with one_numba_thread():
        fits_by_law = fitted_without(laws, runs.table, size <= limit, request.options(runs), fixed)
    order, none, table = np.argsort(size, kind="stable"), np.full(len(size), np.nan), {**runs.table}
    ratios = {
        n: (f.predict(table) / observed)[order] if f else none for n, f in fits_by_law.items()
    }
    return {"column": runs.columns[0], "size": size[order], "ratios": ratios, "cut": limit}


def preview(p: Params) -> dict[str, Any]:
    """The held-out runs alone, which the main figure shows; no errors and no comparison."""
    return {"predictions": predictions(p)}


def run(p: Params) -> dict[str, Any]:
    """The fit, its errors, its rivals, and what is drawn of them."""
    unseen, runs, (own, _, unfitted, caught_warnings) = predictions(p), rows(p), fits(p)
    drawn, errors, of_errors = resampled(p)
    comparison, unscored, of_scores = compared(p)
    remarks = tuple(dict.fromkeys([*runs.notes, *caught_warnings, *of_errors, *of_scores]))
    return {
        "rows": len(own.weights),
        "rows left out": runs.left_out,
        "rows merged": runs.merged,
        **_estimates(errors),
        "objective": own.objective,
        "agreement of starts": own.agreement,
        **{f"held-out error, {n}": _number(e.rmsle) for n, e in comparison.extrapolations.items()},
        "predictions": unseen,
        "errors": errors,
        "comparison": comparison,
        "picture": picture(own, drawn, runs.columns, p.seed),
        "checklist": report(own, drawn, comparison, _budgets(own)),
        "remarks": remarks or ("nothing to warn of",),
        "laws left out": (*unfitted, *unscored),
    }


def _warned(work: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What the work returns, and its warnings."""
    with warnings.catch_warnings(record=True) as caught, one_numba_thread():
        warnings.simplefilter("always")
        result = work()
    kinds = [w for w in caught if issubclass(w.category, FitWarning) or w.category is UserWarning]
    return result, [str(w.message) for w in kinds]


def _estimates(errors: Errors) -> dict[str, float | str]:
    """Each parameter, and the ends of its interval, by name."""
    numbers = {p: _number(v) for p, v in errors.estimates.values.items()}
    for p, (low, high) in errors.estimates.intervals.items():
        numbers |= {f"{p}, 95 % from": _number(low), f"{p}, 95 % to": _number(high)}
    return numbers


def _number(value: float) -> float | str:
    return value if np.isfinite(value) else UNDETERMINED


def _budgets(own: Fit) -> list[float] | None:
    """Ten times the largest budget of the table, for the law that splits one."""
    if not own.law.program.same(NAMED["chinchilla"].program):
        return None
    n, d = (own.columns[c] for c in own.law.columns)
    return [10 * float((6 * n * d).max())]


def exponent(p: Params, result: dict) -> Measured:
    """The exponent with the interval that the table of estimates shows."""
    estimates = result["errors"].estimates
    name = next(n for n in ("alpha", "c0") if n in estimates.values)
    remark = estimates.remarks[name]
    if name not in estimates.intervals:
        return missing(f"{name} of {p.law} is {remark}")
    if not estimates.is_closed(name):
        return undetermined(f"{name} of {p.law} is {remark}")
    note = f"{name} of {p.law}{', ' + remark if remark else ''}; 95 % by {estimates.method}"
    return Measured(estimates.values[name], estimates.intervals[name], note=note)


def fall_of_aic(p: Params, result: dict) -> Measured:
    """By how much a constant lowers the information criterion; both laws must be fitted."""
    one = len(NAMED[p.law].columns) == 1
    without, constant = ("power", "power_constant") if one else ("no_constant", "chinchilla")
    criteria = result["comparison"].criteria
    aic = [criteria[n]["laplace"].aic if n in criteria else np.nan for n in (without, constant)]
    if not np.isfinite(aic).all():
        return undetermined(
            f"the rows do not decide between {without} and {constant}: there must be more of them "
            "than parameters and the noise's scale together, and a scatter about the law"
        )
    remark = result["errors"].estimates.remarks.get("E", "")
    note = f"fall of AIC, Laplace{'; E is ' + remark if remark.startswith('on its') else ''}"
    return Measured(aic[0] - aic[1], note=note)


CLAIMS = [
    Claim(
        "eq. 1",
        "Error falls as a power of size: the exponent is above zero",
        between(exponent, above=0.0),
    ),
    Claim(
        "section 1",
        "On real tasks the exponent lies between 0.07 and 0.35",
        equals(exponent, (0.07, 0.35)),
        finding="not reproduced",
    ),
    Claim(
        "section 2",
        "A constant that no size removes improves the fit by AIC over none",
        between(fall_of_aic, above=0.0),
    ),
]
