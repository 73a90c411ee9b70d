"""Fit a law to a table at its true minimum.

`inference` continues from a fit with standard errors, predictions and comparisons, `allocation`
with the optimal use of a compute budget.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.base.array import Array
from workbench.base.checks import refuse, whole
from workbench.scaling import tables
from workbench.scaling.fit import losses, starts
from workbench.scaling.fit.result import Fit, FitWarning
from workbench.scaling.fit.solvers.minimise import minima
from workbench.scaling.fit.solvers.problem import Problem, limits
from workbench.scaling.laws.catalogue import chinchilla, resolved
from workbench.scaling.laws.law import Law

PRESETS = ("converged", "as_published")
NODES = 32
# Two starts agree when their objectives differ by less than this share.
SAME = 1e-6


def fit(
    law: Law | str,
    table: Any,
    *,
    preset: str = "converged",
    starts: Sequence[Mapping[str, float]] | None = None,
    nodes: int = NODES,
    method: str = "auto",
    **how: Any,
) -> Fit:
    """The law at the minimum of Σ w ρ(log L̂ - log L) over a table of runs.

    Args:
        law: a law of `workbench.scaling.laws.catalogue`, a law of your own, or a name.
        table: a mapping of columns or a data frame.
        preset: "converged" starts from the best nodes of a closed-form grid over the exponents;
            "as_published" from Hoffmann's 4,500 points, for the Chinchilla law.
        starts: points to start from instead of the preset's, complete.
        nodes: how many of the grid's best nodes "converged" polishes; more are
            more likely to reach the lowest of several minima, fewer are quicker.
        method: "auto" fits on the processor by "numba", and on the GPU by "cuda" where a column of
            the table is a CuPy array, as its bootstrap then does too.
        how: what is minimised and over what, as `prepared` takes it: loss, delta, shape, space,
            weights, bounds, fixed, columns.

    Raises:
        ValueError, TypeError: for invalid arguments, before any work.

    Warns:
        FitWarning: if the best start did not converge, or a column spans less than a decade.
    """
    _one_of("preset", preset, PRESETS)
    law, read, problem = prepared(law, table, method=method, **how)
    at, rule = _starts(law, read, problem, preset, starts, nodes)
    levels = 1 if preset == "as_published" else 99
    results = minima(problem.every(len(at)), at, method=method, levels=levels)
    return _fit(law, table, read, problem, results, rule, preset)


def check(law: Law | str, table: Any, **how: Any) -> None:
    """Refuses what `fit` would refuse before any work, and warns of nothing.

    Args:
        law: as of `fit`.
        table: as of `fit`.
        how: as of `prepared`.

    Raises:
        ValueError, TypeError: as `fit`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared(law, table, **how)


def prepared(
    law: Law | str,
    table: Any,
    *,
    loss: str = "huber",
    delta: float = 1e-3,
    shape: float | None = None,
    space: str = "log",
    weights: Any = None,
    bounds: Mapping[str, tuple] | None = None,
    fixed: Mapping[str, float] | None = None,
    columns: Mapping[str, str] | None = None,
    method: str = "auto",
) -> tuple[Law, dict[str, Array], Problem]:
    """The law over the table's columns, these, and what a fit minimises.

    Args:
        law: as of `fit`.
        table: as of `fit`.
        loss: "squared", "huber", "absolute", "asymmetric" or "student"; see `losses.cost`.
        delta: where Huber's loss turns linear; Student's scale. In units of the residual.
        shape: degrees of freedom (Student) or the price of predicting too much (asymmetric).
        space: "log" compares logarithms of losses, "raw" losses.
        weights: a column of the table, or one number a row, none negative.
        bounds: (lowest, highest) of some parameters; None leaves an end open.
        fixed: parameters that are not fitted, and their values; a coefficient may be 0.
        columns: the table's names for the law's columns, `{"size": "Seen Examples"}`.
        method: as of `fit`.
    """
    _one_of("space", space, ("log", "raw"))
    _one_of("method", method, ("auto", "numba", "cuda"))
    law = resolved(law).on(**(columns or {}))
    read = tables.read(table, [*law.columns, law.response])
    tables.positive(read)
    problem = _problem(law, table, read, losses.cost(loss, delta, shape), space, weights)
    low, high = _box(law, bounds or {}, fixed or {}, problem.program)
    home = tables.home(table, read) if method != "numba" else None
    free = [p for p in law.parameters if p not in (fixed or {})]
    tables.varied({c: read[c] for c in law.columns}, free)
    tables.one_budget(read)
    return law, read, problem._replace(low=low, high=high, home=home)


def _one_of(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        refuse(name, "one of " + ", ".join(choices), value)


def _problem(
    law: Law, table: Any, read: dict, cost: losses.Cost, space: str, weights: Any
) -> Problem:
    observed = read[law.response]
    program = law.program if space == "log" else law.program.raised()
    rows = np.ones(len(observed))
    if weights is not None:
        named = isinstance(weights, str)
        rows = tables.read(
            table if named else {"weights": weights}, [weights if named else "weights"]
        ).popitem()[1]
        if len(rows) != len(observed):
            refuse("weights", f"one number for each of {len(observed)} rows", len(rows))
        if rows.min() < 0 or rows.max() == 0:
            refuse("weights", "none negative and some positive", rows.min())
    low, high = limits(program)
    target = np.log(observed) if space == "log" else observed
    places = np.array([[0, len(observed), 0]])
    return Problem(
        program, law.program.bound(read), target, rows[None], places, low, high, cost
    )  # fmt: skip


def _box(law: Law, bounds: Mapping, fixed: Mapping, program: Any) -> tuple:
    low, high = limits(program)
    for name, ends in {**bounds, **{p: (v, v) for p, v in fixed.items()}}.items():
        tables.known(name, law.parameters, f"parameter of the law {law.name}")
        at = law.parameters.index(name)
        if not isinstance(ends, Sequence) or len(ends) != 2:
            refuse("bounds", f"a pair (lowest, highest) for {name}", ends)
        for value, side in zip(ends, (low, high), strict=True):
            if value is not None:
                if not np.isfinite(value) or (name in law.positive and value < 0):
                    refuse(name, "bounded by finite numbers its sign allows", value)
                side[at] = np.log(value) if name in law.positive and value > 0 else (
                    -np.inf if name in law.positive else value)  # fmt: skip
        if low[at] > high[at]:
            refuse("bounds", f"ordered for {name}", tuple(ends))
    if not (low < high).any():
        refuse("fixed", "less than all parameters", list(fixed))
    return low, high


def _starts(law: Law, read: dict, problem: Problem, preset: str, given: Any, nodes: int) -> tuple:
    if given is not None:
        if len(given) == 0:
            refuse("starts", "at least one point", given)
        natural = np.array([law.vector(s) for s in given])
        return law.program.inside(natural), "given by the user"
    if preset == "as_published":
        if not law.program.same(chinchilla.program):
            refuse("preset", "converged for this law (the grid is the Chinchilla law's)", preset)
        return starts.published(law), "Hoffmann's grid of 4,500"
    ranked = starts.profile(law, read, problem)[: int(whole("nodes", nodes, 1))]
    if len(ranked) == 0:
        refuse("starts", "given for this law: no node of its grid has a finite objective", "none")
    return ranked, f"best {len(ranked)} nodes of the closed-form grid"


def _fit(
    law: Law, table: Any, read: dict, problem: Problem, results: Any, rule: str, preset: str
) -> Fit:
    best = int(np.argmin(results.objective))
    least = results.objective[best]
    if not np.isfinite(least):
        refuse("starts", "at least one point with a finite objective", "none")
    # Among equal objectives a converged one is the fit.
    equal = np.flatnonzero(results.objective <= least * (1 + 1e-12))
    best = int(equal[np.argmax(results.converged[equal])])
    agreement = float((results.objective <= least * (1 + SAME)).mean())
    result = Fit(
        law, read, table, problem, results.theta[best].copy(), float(results.objective[best]),
        agreement, bool(results.converged[best]), len(results.theta), rule, preset,
        int(results.iterations.sum()),
    )  # fmt: skip
    if not result.converged:
        warnings.warn(
            f"the fit of {law.name} did not converge: an exact step would still lower its "
            f"objective {least:.6g}; its best point is used",
            FitWarning,
            stacklevel=3,
        )
    return result
