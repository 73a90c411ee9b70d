"""A formula compiled for its logarithm: a short list of operations with exact derivatives.

log (x + y) becomes logaddexp (log x, log y) wherever both are known to be positive, products become
sums and powers become products, so that no coefficient of 10³⁰ is ever formed. What depends on the
table alone is computed once. The derivatives are exact: each operation carries its first and
second partial derivatives, reverse mode gives the gradient, forward over reverse the Hessian.

Source:
    Griewank & Walther (2008), Evaluating Derivatives, chapters 3 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.base.checks import refuse
from workbench.scaling.laws import operations
from workbench.scaling.laws.expression import Expression

UNARY = {"neg", "exp", "log"}


class Program(NamedTuple):
    """Operations in order; slots are the parameters, then the data, then one an operation.

    Attributes:
        parameters: their names, in the order of their slots.
        logged: for each parameter, whether its slot holds its logarithm.
        data: what is computed once a table: an expression of columns, and whether its logarithm.
        code: the operation of each step, an index into `operations.NAMES`.
        left: slot of the first operand.
        right: slot of the second operand; the first again where there is none.
        constant: whether the step depends on parameters alone.
    """

    parameters: tuple[str, ...]
    logged: tuple[bool, ...]
    data: tuple[tuple[Expression, bool], ...]
    code: np.ndarray
    left: np.ndarray
    right: np.ndarray
    constant: np.ndarray

    def bound(self, columns: Mapping[str, Array]) -> Array:
        """The data slots of a table, (data, points)."""
        points = len(next(iter(columns.values())))
        rows = [_fixed(e, logged, columns) for e, logged in self.data]
        return np.array([np.broadcast_to(r, (points,)) for r in rows]).reshape(len(rows), points)

    def raised(self) -> Program:
        """The program of the loss itself, for residuals of raw losses."""
        last = len(self.parameters) + len(self.data) + len(self.code) - 1
        return self._replace(
            code=np.append(self.code, operations.EXP),
            left=np.append(self.left, last),
            right=np.append(self.right, last),
            constant=np.append(self.constant, False),
        )

    @property
    def needs(self) -> Array:
        """Which parameters each step depends on, (steps, parameters)."""
        width, first = len(self.parameters), len(self.parameters) + len(self.data)
        dependent = np.zeros((first + len(self.code), width), bool)
        dependent[:width] = np.eye(width)
        for step, (left, right) in enumerate(zip(self.left, self.right, strict=True)):
            dependent[first + step] = dependent[left] | dependent[right]
        return dependent[first:]

    def same(self, other: Program) -> bool:
        """Whether both take the same steps, under any names."""
        return (
            self.logged == other.logged
            and [logged for _, logged in self.data] == [logged for _, logged in other.data]
            and all(
                np.array_equal(getattr(self, a), getattr(other, a))
                for a in ("code", "left", "right")
            )
        )

    def inside(self, natural: Array) -> Array:
        """Natural parameters, last axis, as slots; a coefficient of 0 becomes -∞."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.logged, np.log(np.where(self.logged, natural, 1.0)), natural)

    def outside(self, slots: Array) -> Array:
        """The natural parameters of slots; the inverse of `inside`."""
        with np.errstate(over="ignore"):
            return np.where(self.logged, np.exp(np.where(self.logged, slots, 0.0)), slots)


def compiled(
    formula: Expression,
    positive: frozenset[str] | None = None,
    order: tuple[str, ...] | None = None,
) -> Program:
    """The program of a formula's logarithm.

    Args:
        formula: the loss as an expression of parameters and columns, positive where it is used.
        positive: parameters that are positive and are stored as logarithms. None infers them: those
            that occur only through their logarithm, that is the coefficients of sums of
            powers, but not the exponents.
        order: the parameters in the order of their slots; by default that of occurrence.
    """
    names = order or formula.names("parameter")
    if positive is not None:
        return _Compiler(names, positive).program(formula)
    chosen = frozenset(names)
    while True:
        compiler = _Compiler(names, chosen)
        program = compiler.program(formula)
        if not compiler.raised & chosen:
            return program
        chosen -= compiler.raised


class _Compiler:
    """One pass over a formula; equal sub-expressions become one step."""

    def __init__(self, names: tuple[str, ...], positive: frozenset[str]) -> None:
        self.names, self.positive = names, positive
        self.raised: set[str] = set()
        self.data: dict[tuple[Expression, bool], int] = {}
        self.steps: dict[tuple, int] = {}

    def program(self, formula: Expression) -> Program:
        last = self.log(formula)
        if last[0] != "step" or last[1] != len(self.steps) - 1:
            # The result is always the last step; adding zero moves it there.
            last = self.step("sub", last, self.fixed(_number(0.0), False))
        shift = {"parameter": 0, "data": len(self.names), "step": len(self.names) + len(self.data)}
        rows = [
            (operations.NAMES.index(kind), *(shift[where] + at for where, at in operands))
            for kind, *operands in self.steps
        ]
        constant: list[bool] = []
        for _, *operands in self.steps:
            free = (where == "parameter" or (where == "step" and constant[at])
                    for where, at in operands)  # fmt: skip
            constant.append(all(free))
        code, left, right = np.array(rows, np.int64).T
        logged = tuple(n in self.positive for n in self.names)
        return Program(
            self.names, logged, tuple(self.data), code.copy(), left.copy(), right.copy(),
            np.array(constant),
        )  # fmt: skip

    def step(self, kind: str, left: tuple, right: tuple | None = None) -> tuple:
        return "step", self.steps.setdefault((kind, left, right or left), len(self.steps))

    def fixed(self, e: Expression, logged: bool) -> tuple:
        return "data", self.data.setdefault((e, logged), len(self.data))

    def sign(self, e: Expression) -> bool:
        """Whether the value is positive for all parameters; columns count as positive."""
        if e.kind == "number":
            return e.of[0] > 0
        if e.kind == "parameter":
            return e.of[0] in self.positive
        if e.kind in ("add", "mul", "div", "minimum"):
            return all(self.sign(o) for o in e.of)
        return e.kind in ("column", "exp", "share") or (e.kind == "pow" and self.sign(e.of[0]))

    def log(self, e: Expression) -> tuple:
        """The slot of the logarithm of a value."""
        if not e.names("parameter"):
            return self.fixed(e, True)
        if e.kind == "parameter" and self.sign(e):
            return "parameter", self.names.index(e.of[0])
        if e.kind == "exp":
            return self.raw(e.of[0])
        if e.kind == "share":
            return self.step("share", self.log(e.of[0]), self.raw(e.of[1]))
        if e.kind == "pow" and self.sign(e.of[0]):
            return self.step("mul", self.raw(e.of[1]), self.log(e.of[0]))
        if self.sign(e):
            kind = {"add": "logaddexp", "mul": "add", "div": "sub"}.get(e.kind, e.kind)
            return self.step(kind, self.log(e.of[0]), self.log(e.of[1]))
        return self.step("log", self.raw(e))

    def raw(self, e: Expression) -> tuple:
        """The slot of a value itself."""
        if not e.names("parameter"):
            return self.fixed(e, False)
        if e.kind == "parameter":
            self.raised.add(e.of[0])
            at = ("parameter", self.names.index(e.of[0]))
            return self.step("exp", at) if e.of[0] in self.positive else at
        if e.kind == "log":
            return self.log(e.of[0])
        if e.kind in ("pow", "share") and self.sign(e):
            return self.step("exp", self.log(e))
        if e.kind == "pow":
            return self._whole_power(e)
        if e.kind in UNARY:
            return self.step(e.kind, self.raw(e.of[0]))
        return self.step(e.kind, self.raw(e.of[0]), self.raw(e.of[1]))

    def _whole_power(self, e: Expression) -> tuple:
        """A power of what may be negative: only small whole exponents have a value."""
        exponent = e.of[1].of[0] if e.of[1].kind == "number" else None
        if exponent not in (1.0, 2.0, 3.0, 4.0):
            refuse("formula", "powers of positive values only, or whole powers up to 4", str(e))
        base = product = self.raw(e.of[0])
        for _ in range(int(exponent) - 1):
            product = self.step("mul", product, base)
        return product


def _number(value: float) -> Expression:
    return Expression("number", (value,))


def _fixed(e: Expression, logged: bool, columns: Mapping[str, Array]) -> Array:
    """The value of an expression without parameters, or its logarithm."""
    with np.errstate(all="ignore"):
        value = constant_value(e, columns)
    if logged and not np.all(value > 0):
        refuse(str(e), "positive on every row, since its logarithm is taken", np.min(value))
    if not np.all(np.isfinite(value)):
        refuse(str(e), "finite on every row", value[~np.isfinite(value)][0])
    return np.log(value) if logged else value


def constant_value(e: Expression, columns: Mapping[str, Array]) -> Array:
    """The value of an expression without parameters on a table's columns."""
    if e.kind == "number":
        return np.asarray(e.of[0])
    if e.kind == "column":
        return columns[e.of[0]]
    operands = [constant_value(o, columns) for o in e.of]
    kinds = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
             "pow": np.power, "neg": np.negative, "exp": np.exp, "log": np.log,
             "minimum": np.minimum}  # fmt: skip
    if e.kind not in kinds:
        refuse("formula", "such that `share` depends on a parameter", str(e))
    return kinds[e.kind](*operands)
