"""Starting points of fits: a grid over the exponents, the coefficients at each node in closed form.

Given its exponents, a law is linear in its coefficients. Logarithmic residuals are those of the
loss divided by the loss, to first order, so weights 1/L² turn each node of the grid into a least
squares problem of two or three unknowns. The nodes are then ranked by the objective itself.

Source:
    Golub & Pereyra (1973), SIAM J. Numer. Anal. 10, 413: variable projection; Czech et al. (2026),
    arXiv:2603.22339, for scaling laws. Here the logarithmic objective ranks and polishes, where
    they use the raw loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.scaling.fit import losses
from workbench.scaling.fit.centring import centring
from workbench.scaling.fit.solvers.problem import Problem
from workbench.scaling.laws import autodiff
from workbench.scaling.laws.expression import Expression
from workbench.scaling.laws.law import Law, Span
from workbench.scaling.laws.tape import compiled, constant_value

MOST_NODES = 6000
# How much of a slot's range two starts must differ by; beyond ±50 a term vanishes.
APART, FAR = 0.3, 50.0
SHARES = (0.0, 0.3, 0.6, 0.8, 0.9, 0.97)


class Term(NamedTuple):
    """coefficient^power · basis, one summand that is linear in a power of its coefficient."""

    coefficient: str
    power: Expression | None
    basis: Expression


def profile(law: Law, columns: dict[str, Array], problem: Problem) -> Array:
    """Starting slots from the closed-form grid, best first, (nodes, parameters)."""
    slots = candidates(law, columns, problem)
    value = objectives(problem, slots)
    order = np.argsort(value, kind="stable")
    return slots[order[np.isfinite(value[order])]]


def apart(ranked: Array, count: int) -> Array:
    """The best nodes that differ clearly from each other, at most so many, best first.

    The best nodes of all are neighbours, which mostly lead to one minimum; where a law has several
    the lowest may start elsewhere. Two nodes differ clearly if some slot differs by 0.3 of its
    range.
    """
    if len(ranked) == 0:
        return ranked
    near = np.clip(ranked, -FAR, FAR)
    size = np.ptp(near, axis=0)
    near = near / np.where(size > 0, size, 1.0)
    chosen, left = [], np.ones(len(near), bool)
    while len(chosen) < count and left.any():
        chosen.append(int(np.argmax(left)))
        left &= np.abs(near - near[chosen[-1]]).max(axis=1) > APART
    return ranked[chosen]


def published(law: Law) -> Array:
    """The 4,500 starts of the Chinchilla paper, as slots.

    α, β ∈ {0, 0.5, …, 2}, log E ∈ {-1, -0.5, …, 1}, log A, log B ∈ {0, 5, …, 25}.

    Source:
        Hoffmann et al. (2022), section D.3.
    """
    coefficients, exponents = np.arange(0, 30, 5.0), np.arange(0, 2.5, 0.5)
    axes = {"A": coefficients, "B": coefficients, "E": np.arange(-1, 1.5, 0.5)}
    return np.array(list(product(*(axes.get(p, exponents) for p in law.parameters))))


def objectives(problem: Problem, theta: Array) -> Array:
    """The objective of every candidate under the first row of weights."""
    out = np.empty(len(theta))
    # Blocks of some 24,000 numbers fit the cache.
    block = max(1, 24_000 // len(problem.target))
    for first in range(0, len(theta), block):
        some = slice(first, first + block)
        predicted = autodiff.log_loss(problem.program, theta[some], problem.data)
        residual = predicted - problem.target
        rho = losses.parts(problem.cost.code, residual, problem.cost.delta, problem.cost.shape)[0]
        with np.errstate(invalid="ignore"):
            total = np.where(problem.weights[0] > 0, problem.weights[0] * rho, 0.0).sum(axis=1)
        out[some] = np.where(np.isfinite(total), total, np.inf)
    return out


def candidates(law: Law, columns: dict[str, Array], problem: Problem) -> Array:
    """All nodes with their coefficients, as slots, worked out in units of narrow columns."""
    units = centring(
        problem.program, problem.data[:, problem.weights[0] > 0], problem.low, problem.high
    )
    if units is None:
        return _candidates(law, columns, problem, {})
    own = {
        e.of[0]: np.exp(move)
        for (e, logged), move in zip(law.program.data, units.moves, strict=True)
        if logged and move and e.kind == "column"
    }
    columns = {c: v / own.get(c, 1.0) for c, v in columns.items()}
    stretch = dict(zip(law.parameters, units.stretch, strict=True))
    slots = _candidates(law, columns, problem, stretch)
    return slots - slots @ units.matrix.T


def _candidates(
    law: Law, columns: dict[str, Array], problem: Problem, stretch: dict[str, float]
) -> Array:
    text = law.outer.inner if law.outer else law.proxy
    formula = law.read(text) if text else law.expression
    terms = summands(formula, law)
    fixed = _fixed(law, problem)
    observed = problem.target if not problem.program.same(law.program) else np.exp(problem.target)
    weights = problem.weights[0]
    values = nodes(law, columns, {t.coefficient for t in terms}, fixed, stretch)
    if law.outer and law.outer.offset and law.outer.offset not in fixed:
        least = observed[weights > 0].min()
        count = len(next(iter(values.values())))
        values = {p: np.repeat(v, len(SHARES), axis=0) for p, v in values.items()}
        values[law.outer.offset] = np.tile(np.maximum(SHARES, 1e-9) * least, count)[:, None]
    return _solved(law, terms, values, columns, observed, weights, fixed)


def _fixed(law: Law, problem: Problem) -> dict[str, float]:
    """The parameters that are not fitted, and their natural values."""
    natural = law.program.outside(problem.low)
    is_fixed = problem.low == problem.high
    return {p: float(v) for p, v, f in zip(law.parameters, natural, is_fixed, strict=True) if f}


def nodes(
    law: Law, columns: dict[str, Array], linear: set[str], fixed: dict[str, float],
    stretch: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Array]:  # fmt: skip
    """The product of the spans of what is not linear, by parameter, (nodes, 1).

    It is thinned at random where it is too large. An exponent of a narrow column is also searched
    further out, by its factor in `stretch`, with either sign.
    """
    rest = [p for p in law.parameters if p not in linear]
    rest = [p for p in rest if p in fixed or not (law.outer and p == law.outer.offset)]
    positive, signed = Span(0.1, 10.0, 5, log=True), Span(0.05, 1.2, 6)
    spans = [
        np.array([fixed[p]])
        if p in fixed
        else _stretched(
            law.spans.get(p, positive if p in law.positive else signed).values(columns),
            stretch.get(p, 1.0),
        )
        for p in rest
    ]
    count = int(np.prod([len(s) for s in spans], dtype=float)) if spans else 1
    chosen = np.arange(count)
    if count > MOST_NODES:
        chosen = np.random.default_rng(0).choice(count, MOST_NODES, replace=False)
    places = np.unravel_index(chosen, [len(s) for s in spans]) if spans else ()
    return {p: s[i][:, None] for p, s, i in zip(rest, spans, places, strict=True)}


def _stretched(values: Array, factor: float) -> Array:
    return values if factor == 1 else np.concatenate([values, factor * values, -factor * values])


def summands(formula: Expression, law: Law) -> list[Term]:
    """The summands that are linear in (a power of) a parameter that occurs only there."""
    everywhere = [n.of[0] for n in law.expression.nodes() if n.kind == "parameter"]
    inner = [n.of[0] for n in formula.nodes() if n.kind == "parameter"]
    once = {p for p in inner if inner.count(p) == 1 and (law.proxy or everywhere.count(p) == 1)}
    terms = [_term(s, once) for s in _parts(formula, "add")]
    return [t for t in terms if t is not None]


def _parts(e: Expression, kind: str) -> list[Expression]:
    return [p for o in e.of for p in _parts(o, kind)] if e.kind == kind else [e]


def _term(e: Expression, once: set[str]) -> Term | None:
    """C · basis, c / basis, or (c / x)^power for a coefficient c."""
    if e.kind == "parameter":
        return Term(e.of[0], None, _one()) if e.of[0] in once else None
    if e.kind == "mul":
        for mine, other in (e.of, e.of[::-1]):
            inner = _term(mine, once)
            if inner:
                return inner._replace(basis=inner.basis * other)
    if e.kind == "div":
        inner = _term(e.of[0], once)
        return inner and inner._replace(basis=inner.basis / e.of[1])
    if e.kind == "pow":
        inner = _term(e.of[0], once)
        if inner and inner.power is None:
            return Term(inner.coefficient, e.of[1], inner.basis ** e.of[1])
    return None


def _one() -> Expression:
    return Expression("number", (1.0,))


def _solved(
    law: Law, terms: list[Term], values: dict, columns: dict, observed: Array,
    weights: Array, fixed: dict[str, float],
) -> Array:  # fmt: skip
    """Weighted least squares for the coefficients at every node; those below zero are left out."""
    count = len(next(iter(values.values()))) if values else 1
    natural = {p: v[:, 0] for p, v in values.items()}
    outer = evaluated(law.read(law.outer.power), values, columns) if law.outer else 1.0
    offset = values[law.outer.offset] if law.outer and law.outer.offset else 0.0
    with np.errstate(all="ignore"):
        rest = np.maximum(observed - offset, 1e-300)
        target = rest ** (1 / outer)
        target = np.broadcast_to(target, np.broadcast_shapes(target.shape, (count, 1)))
        # d log L = w d(target): the slope of the outer power and of the offset.
        relative = weights * (outer * rest / (observed * target)) ** 2
        powers = {t.coefficient: _power(t, values, columns) for t in terms}
        free = []
        for term in terms:
            basis = np.broadcast_to(evaluated(term.basis, values, columns), (count, len(observed)))
            if term.coefficient in fixed:
                target = target - fixed[term.coefficient] ** powers[term.coefficient] * basis
                natural[term.coefficient] = np.full(count, fixed[term.coefficient])
            else:
                free.append((term.coefficient, basis))
        sign = np.array([name in law.positive for name, _ in free])
        solved = _least_squares([b for _, b in free], target, relative, sign) if free else []
        for (name, _), c in zip(free, solved, strict=True):
            natural[name] = c ** (1 / powers[name][:, 0])
        theta = np.stack([np.broadcast_to(natural[p], (count,)) for p in law.parameters], axis=1)
        return law.program.inside(theta)


def _power(term: Term, values: dict, columns: dict) -> Array:
    return np.ones((1, 1)) if term.power is None else evaluated(term.power, values, columns)


def evaluated(e: Expression, values: dict, columns: dict) -> Array:
    """An expression at all nodes, (nodes, points) or (nodes, 1)."""
    if e.kind == "number":
        return np.array([[e.of[0]]])
    if e.kind == "column":
        return columns[e.of[0]][None, :]
    if e.kind == "parameter":
        return values[e.of[0]]
    names = e.names("parameter")
    if not names:
        return np.atleast_2d(constant_value(e, columns))
    program = compiled(e, frozenset(p for p in names if values[p].min() > 0), names)
    theta = program.inside(np.concatenate([values[p] for p in names], axis=1))
    return np.exp(autodiff.log_loss(program, theta, program.bound(columns)))


def _least_squares(
    basis: list[Array], target: Array, weights: Array, positive: Array
) -> list[Array]:
    """Coefficients of every node, (terms) lists of (nodes,).

    A coefficient that must be positive and is not is set to a millionth of the value that would
    explain the data alone, and the others are solved again, worst first.
    """
    k, count = len(basis), basis[0].shape[0]
    size = np.stack([np.sqrt((weights * b * b).sum(axis=1)) for b in basis], axis=1)
    matrix = np.stack(
        [[(weights * a * b).sum(axis=1) for a in basis] for b in basis]
    ).transpose(2, 0, 1) / (size[:, :, None] * size[:, None, :])  # fmt: skip
    right = np.stack([(weights * b * target).sum(axis=1) for b in basis], axis=1) / size
    tiny = 1e-6 * np.sqrt((weights * target**2).sum(axis=1))
    active = np.ones((count, k), bool)
    matrix, right = np.nan_to_num(matrix), np.nan_to_num(right)
    solved = right
    for _ in range(k):
        both = active[:, :, None] & active[:, None, :]
        solvable = np.where(both, matrix, 0) + np.where(active, 1e-13, 1.0)[:, :, None] * np.eye(k)
        solved = np.linalg.solve(solvable, np.where(active, right, 0)[:, :, None])[:, :, 0]
        below = np.where(active & positive & (solved <= 0), solved, np.inf)
        worst = below.argmin(axis=1)
        hit = np.isfinite(below.min(axis=1))
        if not hit.any():
            break
        active[np.flatnonzero(hit), worst[hit]] = False
    return list((np.where(active, solved, tiny[:, None]) / size).T)
