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
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from workbench.claims import Claim, Claims, Statement, Summary
from workbench.experiments.scaling._rival_laws import ONE, TWO, foreseen_by
from workbench.experiments.scaling._run_tables import only_rows, read_table
from workbench.knobs import Knobs, knob
from workbench.scaling import tables
from workbench.scaling.bundled import lcdb
from workbench.scaling.comparison import UNDETERMINED
from workbench.scaling.fitting import (
    Bootstrap,
    Comparison,
    Errors,
    Fit,
    FitWarning,
    bootstrap,
    compare,
    covariance,
    fit,
    prediction,
)
from workbench.scaling.laws import NAMED
from workbench.threads import one_numba_thread

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

    table_file: str = knob("", "your table of runs", suffixes=(".csv", ".parquet"))
    law: Literal["power_constant", "power", "bnsl1", "chinchilla", "tied", "outer"] = knob(
        "power_constant", "the law to fit"
    )
    loss: Literal["huber", "squared", "absolute", "student"] = knob("huber", "cost of a residual")
    delta: float = knob(0.01, "corner or scale of the cost", span=(1e-5, 1.0), log=True)
    size_column: str = knob("size_train", "column of sizes, or of parameters")
    tokens_column: str = knob("tokens", "column of tokens, for laws of two variables")
    loss_column: str = knob("test_error", "column of losses")
    only: str = knob("mnist_784 / RandomForestClassifier", "rows kept, by text columns")
    empty_cells: Literal["refuse", "leave out"] = knob(
        "refuse", "rows with an empty cell in a column that is read"
    )
    held: float = knob(0.3, "share of the rows held out, the largest", span=(0.05, 0.6))
    resamples: int = knob(
        1000, "resamples of the rows", span=(100, 20000), log=True, is_budget=True
    )


class Picture(NamedTuple):
    """What to draw of the fit: rows as marks, the law as a line with the band of a single run.

    A law of one variable is drawn over its sizes to ten times the largest; one of two variables
    has no line, so that what was observed is drawn against what is predicted.
    """

    labels: tuple[str, str]
    x: Float[np.ndarray, " rows"]
    y: Float[np.ndarray, " rows"]
    grid: Float[np.ndarray, " grid"]
    line: Float[np.ndarray, " grid"]
    low: Float[np.ndarray, " grid"]
    high: Float[np.ndarray, " grid"]


class Result(NamedTuple):
    """The fit, its errors, its rivals, and what is drawn of them.

    `foreseen` is predicted over observed on every row by each rival fitted without the rows
    beyond `cut`; what had to be warned of is in `said`.
    """

    fitted: Fit
    errors: Errors
    drawn: Bootstrap
    comparison: Comparison
    picture: Picture
    size: Float[np.ndarray, " rows"]
    foreseen: dict[str, np.ndarray]
    cut: float
    said: tuple[str, ...]
    left_out: int


def run(params: Params) -> Result:
    """Everything the page tells about the table."""
    table, left_out = runs(params)
    how, one = _how(params)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = fit(params.law, table, **how)
        drawn = bootstrap(fitted, params.resamples, rng=params.seed)
        errors = covariance(fitted, drawn)
        rivals = [fit(n, table, **how) for n in (ONE if one else TWO)]
        compared = compare(rivals, params.size_column, params.held)
    size, observed = table[params.size_column], table[params.loss_column]
    cut = float(np.quantile(size, 1 - params.held))
    foreseen = foreseen_by([f.law for f in rivals], table, size <= cut, {**how, "columns": None})
    order = np.argsort(size, kind="stable")
    said = tuple(dict.fromkeys(str(w.message) for w in caught if _tells(w))) + _resampled(drawn)
    said = said or ("nothing to warn of",)
    return Result(
        fitted, errors, drawn, compared,
        _picture(fitted, drawn, params, size, observed) if one
        else _scatter(fitted, drawn, params, observed),
        size[order],
        {n: (f.predict(table) / observed)[order] for n, f in foreseen.items()},
        cut, said, left_out,
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
    table, left_out = runs(params)
    how, one = _how(params)
    size, observed = table[params.size_column], table[params.loss_column]
    cut = float(np.quantile(size, 1 - params.held))
    order = np.argsort(size, kind="stable")
    state = Path(params.table_file).stat().st_mtime_ns if params.table_file else 0
    usual = Params(**{**params.values(), **{k: Params().values()[k] for k in NEARBY}})
    with one_numba_thread():
        starts = _near(usual, state)
        foreseen = foreseen_by(ONE if one else TWO, table, size <= cut, how, starts=starts)
    shown = {n: (f.predict(table) / observed)[order] for n, f in foreseen.items()}
    return Result(None, None, None, None, None, size[order], shown, cut, (), left_out)


@functools.lru_cache(maxsize=16)
def _near(params: Params, state: int) -> dict[str, list[dict[str, float]]]:
    """Where each law's fit to the smaller runs ends; kept until a file's `state` changes."""
    table, _ = runs(params)
    how, one = _how(params)
    size = table[params.size_column]
    kept = size <= float(np.quantile(size, 1 - params.held))
    found = foreseen_by(ONE if one else TWO, table, kept, {**how, "nodes": FEW})
    return {n: [dict(f.parameters)] for n, f in found.items()}


def _how(params: Params) -> tuple[dict[str, Any], bool]:
    """What fits are told, and whether the law is of one variable."""
    one = len(NAMED[params.law].columns) == 1
    columns = {"size": params.size_column} if one else {
        "parameters": params.size_column, "tokens": params.tokens_column
    }  # fmt: skip
    columns["loss"] = params.loss_column
    return {"loss": params.loss, "delta": params.delta, "columns": columns}, one


def _picture(
    fitted: Fit, drawn: Bootstrap, params: Params, size: np.ndarray, observed: np.ndarray
) -> Picture:
    grid = np.geomspace(size.min(), 10 * size.max(), 100)
    low, line, high = prediction(fitted, drawn, {params.size_column: grid}, rng=params.seed)
    ends = np.minimum(low, line), np.maximum(high, line)
    return Picture((params.size_column, params.loss_column), size, observed, grid, line, *ends)


def _scatter(fitted: Fit, drawn: Bootstrap, params: Params, observed: np.ndarray) -> Picture:
    low, line, high = prediction(fitted, drawn, fitted.columns, rng=params.seed)
    order = np.argsort(line, kind="stable")
    ends = np.minimum(low, line)[order], np.maximum(high, line)[order]
    labels = f"predicted {params.loss_column}", f"observed {params.loss_column}"
    return Picture(labels, line, observed, line[order], line[order], *ends)


def _tells(warning: warnings.WarningMessage) -> bool:
    return issubclass(warning.category, FitWarning) or warning.category is UserWarning


def runs(params: Params) -> tuple[dict[str, np.ndarray], int]:
    """The rows that `only` and `empty_cells` keep, and how many they leave out."""
    table = read_table(params.table_file) if params.table_file else lcdb()
    read = [params.size_column, params.loss_column]
    if len(NAMED[params.law].columns) == 2:
        read.append(params.tokens_column)
    for name in read:
        tables.known(name, list(table), "column of the table")
    keep = only_rows(table, params.only) if params.table_file else _shipped_rows(params.only)
    if params.empty_cells == "leave out":
        keep = keep & np.all([np.isfinite(table[n]) for n in read if table[n].dtype.kind in "iuf"],
                             axis=0)  # fmt: skip
    return {k: v[keep] for k, v in table.items()}, int((~keep).sum())


@functools.lru_cache(maxsize=16)
def _shipped_rows(only: str) -> Bool[np.ndarray, " rows"]:
    """Which rows of the shipped table are kept, whose thousands of names take long to join."""
    return only_rows(lcdb(), only)


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    fitted = result.fitted
    told: dict[str, float | str] = {"rows": len(fitted.weights), "rows left out": result.left_out}
    told |= {p: _number(v) for p, v in fitted.parameters.items()}
    for p, (low, high) in result.errors.estimates.intervals.items():
        told |= {f"{p}, 95 % from": _number(low), f"{p}, 95 % to": _number(high)}
    told |= {"objective": fitted.objective, "agreement of starts": fitted.agreement}
    scores = result.comparison.extrapolations
    told |= {f"held-out error, {n}": _number(e.rmsle) for n, e in scores.items()}
    return Summary(told)


def _number(value: float) -> float | str:
    return value if np.isfinite(value) else UNDETERMINED


def claims(params: Params, result: Result) -> Claims:
    """What the paper says of power laws, put to this table."""
    criteria = result.comparison.criteria
    without, constant = (
        ("power", "power_constant") if "power" in criteria else ("no_constant", "chinchilla")
    )
    gain = criteria[without]["laplace"].aic - criteria[constant]["laplace"].aic
    rows = len(result.fitted.weights)
    return Claims(
        [
            *_exponent(params.law, result),
            FLOOR.bounded(above=0.0, measured=gain, note="fall of AIC, Laplace")
            if np.isfinite(gain)
            else FLOOR.beyond(
                expected="above 0",
                note=f"no AIC is determined for both laws by {rows} rows: there must be more than "
                "parameters and the scale of the noise together, and a scatter about the law",
            ),
        ]
    )


def _exponent(law: str, result: Result) -> list[Claim]:
    """The two claims about the exponent, by the interval that the table of estimates shows."""
    estimates = result.errors.estimates
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


def report(result: Result) -> str:
    """The reporting checklist as JSON text, with the optimum at ten times the largest budget."""
    fitted, budgets = result.fitted, None
    if fitted.law.program.same(NAMED["chinchilla"].program):
        n, d = (fitted.columns[c] for c in fitted.law.columns)
        budgets = [10 * float((6 * n * d).max())]
    return json.dumps(fitted.report(result.drawn, result.comparison, budgets), indent=1)


def pictured(result: Result) -> str:
    """What the figure of the fit shows, in words."""
    shown = result.picture
    return (
        f"{shown.labels[1]} against {shown.labels[0]} for {len(shown.x)} runs with the fitted law, "
        f"from {shown.line[0]:.3g} at {shown.grid[0]:.3g} to {shown.line[-1]:.3g} at "
        f"{shown.grid[-1]:.3g}; "
        + (
            "the band holds 95 % of single runs by the bootstrap."
            if band(result)
            else "there is no band, since the rows do not determine how far off a run may be."
        )
    )


def band(result: Result) -> tuple[np.ndarray, np.ndarray] | None:
    """The band of the figure; None where it has no end somewhere."""
    shown = result.picture
    shut = np.isfinite(shown.high).all() and (shown.low > 0).all()
    return (shown.low, shown.high) if shut else None


def alternative(result: Result) -> str:
    """What the figure of the held-out runs shows, in words."""
    fitted = int((result.size <= result.cut).sum())
    ends = ", ".join(f"{n} {r[-1]:.3g}" for n, r in result.foreseen.items())
    return (
        f"Predicted over observed loss against size by each law fitted to the {fitted} runs up to "
        f"{result.cut:.3g}; at the largest size: {ends}."
    )
