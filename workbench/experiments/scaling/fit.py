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

from typing import Any, Literal

import numpy as np

from workbench.base.checks import refuse
from workbench.base.parallel import one_numba_thread
from workbench.experiment import claims
from workbench.experiment.claims import Claim, Measured, Paper, between, equals
from workbench.experiment.measurement import stage
from workbench.experiment.params import KnobError, Knobs, knob
from workbench.scaling.datasets.run_tables import Runs
from workbench.scaling.fit.request import Request
from workbench.scaling.fit.result import Fit, collected_warnings, or_undetermined
from workbench.scaling.inference.bootstrap import Bootstrap, bootstrap
from workbench.scaling.inference.comparison import Comparison
from workbench.scaling.inference.pictures import picture
from workbench.scaling.inference.rival_laws import Predictions, judged, predictions, rivals_of
from workbench.scaling.inference.standard_errors import Errors, standard_errors
from workbench.scaling.laws.catalogue import NAMED
from workbench.scaling.report import report
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
def checked(request: Request) -> None:
    """Refuses a table that cannot be fitted, before any run."""
    request.check()


@stage
def rows(request: Request) -> Runs:
    """The rows of the table that are fitted."""
    return request.runs


@stage
def fits(request: Request) -> tuple[Fit, list[Fit], list[str], list[str]]:
    """The fit; its rivals' to the same rows, why a law is not among them; and warnings."""
    with one_numba_thread(), collected_warnings() as remarks:
        own = request.fitted()
        rivals, reasons = rivals_of(own, request.options(request.runs))
    return own, rivals, reasons, remarks


@stage
def resampled(fits, request: Request, resamples, seed) -> tuple[Bootstrap, Errors, list[str]]:
    """The fit on resampled rows, drawn on the host; its errors by three methods; and warnings."""
    with one_numba_thread(), collected_warnings() as remarks:
        drawn = bootstrap(fits[0], resamples, rng=seed, **request.resampling)
        errors = standard_errors(fits[0], drawn)
    return drawn, errors, [*remarks, *drawn.remarks]


@stage
def compared(fits, request: Request, held) -> tuple[Comparison, list[str], list[str]]:
    """The laws by criteria and on the rows held out, why one has no score; and warnings."""
    with one_numba_thread(), collected_warnings() as remarks:
        comparison, reasons = judged(fits[1], request.runs.columns[0], held)
    return comparison, reasons, remarks


@stage
def predicted(request: Request, held) -> Predictions:
    """Predicted over observed on every row, by laws fitted without the rows beyond the cut."""
    fixed = {request.law: request.fixed_parameters}
    with one_numba_thread():
        return predictions(request.runs, held, request.options(request.runs), fixed)


def preview(p: Params) -> dict[str, Any]:
    """The held-out runs alone, which the main figure shows; no errors and no comparison."""
    return {"predictions": predicted(p)}


def run(p: Params) -> dict[str, Any]:
    """The fit, its errors, its rivals, and what is drawn of them."""
    unseen, runs, (own, _, unfitted, of_fits) = predicted(p), rows(p), fits(p)
    drawn, errors, of_errors = resampled(p)
    comparison, unscored, of_scores = compared(p)
    remarks = dict.fromkeys([*runs.notes, *of_fits, *of_errors, *of_scores])
    return {
        "rows": len(own.weights),
        "rows left out": runs.left_out,
        "rows merged": runs.merged,
        **errors.estimates.numbers,
        "objective": own.objective,
        "agreement of starts": own.agreement,
        **{
            f"held-out error, {n}": or_undetermined(e.rmsle)
            for n, e in comparison.extrapolations.items()
        },
        "predictions": unseen,
        "errors": errors,
        "comparison": comparison,
        "picture": picture(own, drawn, runs.columns, p.seed),
        "checklist": report(own, drawn, comparison),
        "remarks": tuple(remarks) or ("nothing to warn of",),
        "laws left out": (*unfitted, *unscored),
    }


def exponent(p: Params, result: dict) -> Measured:
    """The exponent with the interval that the table of estimates shows."""
    estimates = result["errors"].estimates
    name = next(n for n in ("alpha", "c0") if n in estimates.values)
    remark = estimates.remarks[name]
    if name not in estimates.intervals:
        return claims.missing(f"{name} of {p.law} is {remark}")
    if not estimates.is_closed(name):
        return claims.undetermined(f"{name} of {p.law} is {remark}")
    note = f"{name} of {p.law}{', ' + remark if remark else ''}; 95 % by {estimates.method}"
    return Measured(estimates.values[name], estimates.intervals[name], note=note)


def fall_of_aic(p: Params, result: dict) -> Measured:
    """By how much a constant lowers the information criterion; both laws must be fitted."""
    one = len(NAMED[p.law].columns) == 1
    without, constant = ("power", "power_constant") if one else ("no_constant", "chinchilla")
    criteria = result["comparison"].criteria
    aic = [criteria[n]["laplace"].aic if n in criteria else np.nan for n in (without, constant)]
    if not np.isfinite(aic).all():
        return claims.undetermined(
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
