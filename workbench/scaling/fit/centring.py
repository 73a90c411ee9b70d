"""Columns in units of their geometric mean, to separate coefficient and exponent.

Where x is far from 1 and varies little, as years from 1987 to 2019 do, A x^-α is nearly the same
for α + 1 and A g, with g the geometric mean of x. In units of g the coefficient is A' = A g^-α, the
value of its term in the middle of the table, nearly uncorrelated with α. This applies to every law
that is a sum of coefficients times powers of columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.scaling.laws import operations
from workbench.scaling.laws.tape import Program

# A column of less than a decade is rescaled; exponents are searched as if it spanned three.
NARROW, USUAL = np.log(10.0), 3 * np.log(10.0)


class Centring(NamedTuple):
    """The change of data and slots by the units of columns.

    Attributes:
        moves: log g of every data row, 0 where it is not rescaled, (data,).
        matrix: θ' = θ + matrix θ are the slots in the new units, and θ = θ' - matrix θ'.
        taken: the slots of coefficients that change, (parameters,).
        stretch: by how much more than usual an exponent may matter, 1 where its column is wide.
    """

    moves: Array
    matrix: Array
    taken: Array
    stretch: Array


class _Sum(NamedTuple):
    """The logarithm of a sum: each term's slots by factor, and its products with data rows."""

    linear: list[Array]
    products: list[Array]


def centring(program: Program, data: Array, low: Array, high: Array) -> Centring | None:
    """The units of narrow columns; None where there is none, or the law is no sum of powers.

    Args:
        program: the law.
        data: the program's data, (data, points).
        low: the lowest slots; only coefficients without bounds of their own can change.
        high: the highest.
    """
    spread = np.ptp(data, axis=1)
    middle = data.mean(axis=1)
    logged = np.array([yes for _, yes in program.data], bool)
    narrow = logged & (spread > 0) & (spread < NARROW) & (np.abs(middle) > spread)
    total = _terms(program) if narrow.any() else None
    if total is None:
        return None
    moves = np.where(narrow, middle, 0.0)
    width = len(program.parameters)
    matrix, stretch = np.zeros((width, width)), np.ones(width)
    for linear, products in zip(*total, strict=True):
        change = products @ moves
        if not change.any():
            continue
        at = _coefficient(program, total, linear, (low, high))
        if at is None:
            return None
        matrix[at] += change / linear[at]
        for row in np.flatnonzero(narrow):
            more = np.where(products[:, row] != 0, USUAL / spread[row], 1.0)
            stretch = np.maximum(stretch, more)
    return Centring(moves, matrix, matrix.any(axis=1), stretch)


def _coefficient(program: Program, total: _Sum, linear: Array, box: tuple) -> int | None:
    """A slot of this term only that is free to change."""
    from workbench.scaling.fit.solvers.problem import limits

    lowest, highest = limits(program)
    free = (box[0] <= lowest) & (box[1] >= highest)
    alone = (np.array(total.linear) != 0).sum(axis=0) == 1
    powers = np.any([p.any(axis=1) for p in total.products], axis=0)
    candidates = np.flatnonzero(np.array(program.logged) & (linear != 0) & alone & ~powers & free)
    return int(candidates[0]) if len(candidates) else None


def _terms(program: Program) -> _Sum | None:
    """The program as the logarithm of a sum of exponentials of linear terms, if it is one."""
    width, rows = len(program.parameters), len(program.data)
    none = np.zeros((width, rows))
    forms: list[_Sum | int | None] = [_Sum([e], [none]) for e in np.eye(width)]
    forms += list(range(rows))
    steps = list(zip(program.code.tolist(), program.left, program.right, strict=True))
    if steps[-1][0] == operations.EXP:
        # A program of raw losses.
        steps.pop()
    for code, left, right in steps:
        forms.append(_step(code, forms[left], forms[right], program))
    total = forms[-1]
    return total if isinstance(total, _Sum) else None


def _step(code: int, x: _Sum | int | None, y: _Sum | int | None, program: Program) -> _Sum | None:
    if not isinstance(x, _Sum) and code in (operations.ADD, operations.MUL, operations.LOGADDEXP):
        x, y = y, x
    if not isinstance(x, _Sum) or y is None:
        return None
    if isinstance(y, int):
        return _with_data(code, x, y, program)
    if code == operations.LOGADDEXP:
        return _Sum(x.linear + y.linear, x.products + y.products)
    if len(x.linear) > 1 or len(y.linear) > 1:
        return None
    if code == operations.NEG:
        return _Sum([-x.linear[0]], [-x.products[0]])
    if code in (operations.ADD, operations.SUB):
        sign = 1.0 if code == operations.ADD else -1.0
        return _Sum([x.linear[0] + sign * y.linear[0]], [x.products[0] + sign * y.products[0]])
    return None


def _with_data(code: int, x: _Sum, row: int, program: Program) -> _Sum | None:
    """A step between slots and a data row: a power of a column, or something constant."""
    if code == operations.MUL and len(x.linear) == 1 and not x.products[0].any():
        products = x.products[0].copy()
        products[:, row] = x.linear[0]
        return _Sum([np.zeros_like(x.linear[0])], [products])
    if program.data[row][0].names("column"):
        return None
    if code == operations.LOGADDEXP:
        return _Sum([*x.linear, 0 * x.linear[0]], [*x.products, 0 * x.products[0]])
    return x if code in (operations.ADD, operations.SUB) else None
