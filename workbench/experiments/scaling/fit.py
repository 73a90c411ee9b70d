"""What does a scaling law fitted to your table of runs say, and how far may it be trusted?

A table of runs is fitted by a law of one's choice to the true minimum of the chosen loss. The page
gives the fit, its errors by three routes, what it expects of larger runs, rival laws by information
criteria and by the rows of largest size held out, and the reporting checklist. Without a table it
fits one real learning curve that is shipped: the test error of a learner against its training size.

Source:
    Hestness et al. (2017), arXiv:1712.00409, for the claims about power laws; Li et al. (2025),
    arXiv:2502.18969, for the checklist.
"""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.checks import refuse
from workbench.base.parallel import one_numba_thread
from workbench.experiment.decisions import Claim, Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.experiments.scaling._fit_knobs import how_by, runs_by
from workbench.experiments.scaling._fit_pictures import Picture, picture, scatter
from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.result import Fit, FitWarning
from workbench.scaling.inference.bootstrap import Bootstrap, bootstrap
from workbench.scaling.inference.comparison import UNDETERMINED, Comparison
from workbench.scaling.inference.holdout import cut
from workbench.scaling.inference.rival_laws import ONE, TWO, foreseen_by, judged, rivals_of
from workbench.scaling.inference.standard_errors import Errors, standard_errors
from workbench.scaling.laws.catalogue import NAMED
from workbench.scaling.report import report as checklist
from workbench.scaling.run_tables import Runs
from workbench.tables.table import SUFFIXES

# Nodes of the grid that a sketch polishes; a fit has these and many more.
FEW = 4
# Knobs that leave a fit near where it is, or do not enter it.
NEARBY = ("delta", "resamples", "seed", "backend")

HESTNESS = "Hestness et al. (2017)"
FALLS = Statement(HESTNESS, "eq. 1", "Error falls as a power of size: the exponent is above zero")
RANGE = Statement(HESTNESS, "section 1", "On real tasks the exponent lies between 0.07 and 0.35")
FLOOR = Statement(
    HESTNESS, "section 2", "A constant that no size removes improves the fit by AIC over none"
)


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


class Result(NamedTuple):
    """The fit, its errors, its rivals, and what is drawn of them.

    `foreseen` is predicted over observed on every row by each rival fitted without the rows
    beyond `cut`, NaN where too few are left for it; what had to be warned of is in `said`, and why
    a rival is in no table in `refused`.
    """

    fitted: Fit
    errors: Errors
    drawn: Bootstrap
    comparison: Comparison
    picture: Picture
    columns: tuple[str, ...]
    size: Float[np.ndarray, " rows"]
    foreseen: dict[str, np.ndarray]
    cut: float
    said: tuple[str, ...]
    refused: tuple[str, ...]
    left_out: int
    merged: int


def run(params: Params) -> Result:
    """Everything the page tells about the table."""
    runs = runs_by(params)
    how, table = how_by(params, runs), runs.table
    laws = ONE if how.one else TWO
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = fit(params.law, table, **how.options, fixed=how.fixed)
        drawn = bootstrap(fitted, params.resamples, rng=params.seed, **how.resampling)
        errors = standard_errors(fitted, drawn)
        rivals, unfitted = rivals_of(fitted, laws, table, how.options)
        compared, unscored = judged(rivals, runs.columns[0], params.held)
    own, fixed = {**how.options, "columns": None}, {params.law: how.fixed}
    size, limit, order = _cut(runs, params)
    foreseen = foreseen_by([f.law for f in rivals], table, size <= limit, own, fixed)
    warned = dict.fromkeys(str(w.message) for w in caught if _tells(w))
    said = (*runs.notes, *warned, *_resampled(drawn))
    return Result(
        fitted, errors, drawn, compared,
        (picture if how.one else scatter)(fitted, drawn, runs.columns, params.seed),
        runs.columns, size[order], _ratios(foreseen, runs, order), limit,
        said or ("nothing to warn of",), (*unfitted, *unscored), runs.left_out, runs.merged,
    )  # fmt: skip


def _resampled(drawn: Bootstrap) -> tuple[str, ...]:
    """What became of the resamples, where it is not that all were fitted."""
    count, said = len(drawn.draws), []
    if drawn.undetermined:
        said.append(f"{drawn.undetermined} of {count} resamples hold too few different rows to "
                    "determine the law, and count on both ends of every interval")  # fmt: skip
    failed = round((1 - drawn.converged) * count)
    if failed:
        said.append(f"{failed} of {count} resamples did not reach a minimum; their best is used")
    return tuple(said)


def first_look(params: Params) -> Result:
    """The held-out runs alone, which the main figure shows; no errors and no comparison.

    The laws are fitted as in the run, but each from the few best nodes of its grid under the usual
    `delta`, and then from there, so that a law of several minima may end in another one, a per
    cent off.
    """
    runs = runs_by(params)
    how = how_by(params, runs)
    size, limit, order = _cut(runs, params)
    state = Path(params.table_file).stat().st_mtime_ns if params.table_file else 0
    usual = Params(**{**params.values(), **{k: Params().values()[k] for k in NEARBY}})
    laws, fixed = ONE if how.one else TWO, {params.law: how.fixed}
    with one_numba_thread():
        starts = _near(usual, state)
        foreseen = foreseen_by(laws, runs.table, size <= limit, how.options, fixed, starts)
    shown = _ratios(foreseen, runs, order)
    return Result(
        None, None, None, None, None, runs.columns, size[order], shown, limit, (), (),
        runs.left_out, runs.merged,
    )  # fmt: skip


def _cut(runs: Runs, params: Params) -> tuple[np.ndarray, float, np.ndarray]:
    """The sizes, the one beyond which rows are held out, and the order of the sizes."""
    size = runs.table[runs.columns[0]]
    if size.min() == size.max():
        refuse(runs.columns[0], "a column of more than one value", size[0])
    return size, cut(size, params.held), np.argsort(size, kind="stable")


def _ratios(
    foreseen: dict[str, Fit | None], runs: Runs, order: np.ndarray
) -> dict[str, np.ndarray]:
    """Predicted over observed by law, in the order of the sizes."""
    observed, table = runs.table[runs.columns[-1]], dict(runs.table)
    none = np.full(len(observed), np.nan)
    return {n: (f.predict(table) / observed)[order] if f else none for n, f in foreseen.items()}


@functools.lru_cache(maxsize=16)
def _near(params: Params, state: int) -> dict[str, list[dict[str, float]]]:
    """Where each law's fit to the smaller runs ends; kept until a file's `state` changes."""
    runs = runs_by(params)
    how = how_by(params, runs)
    size, limit, _ = _cut(runs, params)
    options, fixed = {**how.options, "nodes": FEW}, {params.law: how.fixed}
    found = foreseen_by(ONE if how.one else TWO, runs.table, size <= limit, options, fixed)
    return {n: [dict(f.parameters)] for n, f in found.items() if f}


def _tells(warning: warnings.WarningMessage) -> bool:
    return issubclass(warning.category, FitWarning) or warning.category is UserWarning


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    fitted = result.fitted
    told: dict[str, float | str] = {"rows": len(fitted.weights), "rows left out": result.left_out}
    told["rows merged"] = result.merged
    estimates = result.errors.estimates
    told |= {p: _number(v) for p, v in estimates.values.items()}
    for p, (low, high) in estimates.intervals.items():
        told |= {f"{p}, 95 % from": _number(low), f"{p}, 95 % to": _number(high)}
    told |= {"objective": fitted.objective, "agreement of starts": fitted.agreement}
    scores = result.comparison.extrapolations
    told |= {f"held-out error, {n}": _number(e.rmsle) for n, e in scores.items()}
    return Summary(told)


def _number(value: float) -> float | str:
    return value if np.isfinite(value) else UNDETERMINED


def claims(params: Params, result: Result) -> Claims:
    """What the paper says of power laws, put to this table."""
    return Claims([*_exponent(params, result), _floor(params, result)])


def _exponent(params: Params, result: Result) -> list[Claim]:
    """The two claims about the exponent, by the interval that the table of estimates shows."""
    law, estimates = params.law, result.errors.estimates
    exponent = next(p for p in ("alpha", "c0") if p in estimates.values)
    found, remark = estimates.values[exponent], estimates.remarks[exponent]
    if exponent not in estimates.intervals or not estimates.is_closed(exponent):
        told = f"{exponent} of {law} is {remark}"
        return [FALLS.beyond(expected="above 0", note=told),
                RANGE.beyond(expected="0.07 to 0.35", note=told)]  # fmt: skip
    ends = estimates.intervals[exponent]
    told = f"{exponent} of {law}{', ' + remark if remark else ''}; 95 % by {estimates.method}"
    return [
        FALLS.bounded(above=0.0, measured=found, interval=ends, note=told),
        RANGE.agrees(expected=(0.07, 0.35), measured=found, interval=ends, note=told),
    ]


def _floor(params: Params, result: Result) -> Claim:
    """The claim about the constant, for which both laws must have been fitted."""
    one = len(NAMED[params.law].columns) == 1
    without, constant = ("power", "power_constant") if one else ("no_constant", "chinchilla")
    criteria = result.comparison.criteria
    aic = [criteria[n]["laplace"].aic if n in criteria else np.nan for n in (without, constant)]
    if not np.isfinite(aic).all():
        told = (
            f"the rows do not decide between {without} and {constant}: there must be more of them "
            "than parameters and the noise's scale together, and a scatter about the law"
        )
        return FLOOR.beyond(expected="above 0", note=told)
    remark = result.errors.estimates.remarks.get("E", "")
    note = f"fall of AIC, Laplace{'; E is ' + remark if remark.startswith('on its') else ''}"
    return FLOOR.bounded(above=0.0, measured=aic[0] - aic[1], note=note)


def report(result: Result) -> str:
    """The reporting checklist as JSON text, with the optimum at ten times the largest budget."""
    fitted, budgets = result.fitted, None
    if fitted.law.program.same(NAMED["chinchilla"].program):
        n, d = (fitted.columns[c] for c in fitted.law.columns)
        budgets = [10 * float((6 * n * d).max())]
    return json.dumps(checklist(fitted, result.drawn, result.comparison, budgets), indent=1)


def pictured(result: Result) -> str:
    """What the figure of the fit shows, in words."""
    shown = result.picture
    return (
        f"{shown.labels[1]} against {shown.labels[0]} for {len(shown.x)} runs with the fitted law, "
        f"from {shown.line[0]:.3g} at {shown.grid[0]:.3g} to {shown.line[-1]:.3g} at "
        f"{shown.grid[-1]:.3g}; {shown.banded}."
    )


def alternative(result: Result) -> str:
    """What the figure of the held-out runs shows, in words."""
    fitted = int((result.size <= result.cut).sum())
    ends = ", ".join(f"{n} {r[-1]:.3g}" for n, r in result.foreseen.items() if np.isfinite(r[-1]))
    few = ", ".join(n for n, r in result.foreseen.items() if not np.isfinite(r[-1]))
    too_few = f" These rows are too few for {few}." if few else ""
    return (
        f"Predicted over observed loss against {result.columns[0]} by each law fitted to the "
        f"{fitted} runs up to {result.cut:.3g}; at the largest size: {ends or 'none'}.{too_few}"
    )
