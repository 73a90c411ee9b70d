"""Formulas as trees: parsed from text, or traced through a user's callable."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.base.checks import refuse

ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
_UFUNCS = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.divide: "div",
    np.power: "pow",
    np.negative: "neg",
    np.exp: "exp",
    np.log: "log",
    np.minimum: "minimum",
}


def _operator(kind: str, swapped: bool = False) -> Callable:
    def apply(self: Expression, other: Any) -> Expression:
        return operation(kind, other, self) if swapped else operation(kind, self, other)

    return apply


@dataclass(frozen=True, eq=True)
class Expression:
    """A node: a parameter, a column or a number at the leaves, an operation above them.

    Operators and NumPy's exp, log, power, sqrt and minimum build larger trees, so that a plain
    Python function of parameters and columns becomes a formula by being called once.

    Attributes:
        kind: "parameter", "column", "number", or the operation's name.
        of: a leaf's name or value; an operation's operands.
    """

    kind: str
    of: tuple

    __array_priority__ = 1000.0
    __add__, __radd__ = _operator("add"), _operator("add", True)
    __sub__, __rsub__ = _operator("sub"), _operator("sub", True)
    __mul__, __rmul__ = _operator("mul"), _operator("mul", True)
    __truediv__, __rtruediv__ = _operator("div"), _operator("div", True)
    __pow__, __rpow__ = _operator("pow"), _operator("pow", True)

    def __neg__(self) -> Expression:
        """The node's negative."""
        return operation("neg", self)

    def __bool__(self) -> bool:
        """Refused: a formula has no truth value."""
        raise TypeError("`law` must be a formula without branches on its values; got a comparison")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NumPy's functions build the tree too."""
        if ufunc is np.sqrt:
            return operation("pow", inputs[0], 0.5)
        if ufunc is np.square:
            return operation("pow", inputs[0], 2.0)
        if ufunc is np.log1p:
            return operation("log", operation("add", 1.0, inputs[0]))
        if ufunc is np.expm1:
            return operation("sub", operation("exp", inputs[0]), 1.0)
        if method != "__call__" or ufunc not in _UFUNCS or kwargs:
            return NotImplemented
        return operation(_UFUNCS[ufunc], *inputs)

    def nodes(self) -> Iterator[Expression]:
        """The node itself and everything below it, operands first."""
        if self.kind not in ("parameter", "column", "number"):
            for operand in self.of:
                yield from operand.nodes()
        yield self

    def names(self, kind: str) -> tuple[str, ...]:
        """The parameters or columns in order of occurrence, each once."""
        return tuple(dict.fromkeys(n.of[0] for n in self.nodes() if n.kind == kind))

    def __str__(self) -> str:
        """The formula as text that `parsed` reads back."""
        if self.kind == "number":
            return f"{self.of[0]:g}"
        if self.kind in ("parameter", "column"):
            return self.of[0]
        parts = [str(o) for o in self.of]
        if self.kind in ARITHMETIC:
            return f"({parts[0]} {ARITHMETIC[self.kind]} {parts[1]})"
        return f"-{parts[0]}" if self.kind == "neg" else f"{self.kind}({', '.join(parts)})"


def parameter(name: str) -> Expression:
    """A leaf that stands for a parameter."""
    return Expression("parameter", (name,))


def column(name: str) -> Expression:
    """A leaf that stands for a column of the table."""
    return Expression("column", (name,))


def operation(kind: str, *operands: Any) -> Expression:
    """The node of an operation; plain numbers among the operands become leaves.

    Raises:
        TypeError: if an operand is neither a number nor an expression.
    """
    operands_as_nodes = []
    for operand in operands:
        if isinstance(operand, Expression):
            operands_as_nodes.append(operand)
        elif isinstance(operand, int | float | np.integer | np.floating):
            operands_as_nodes.append(Expression("number", (float(operand),)))
        else:
            raise TypeError(f"`law` must combine numbers and columns only; got {operand!r}")
    return Expression(kind, tuple(operands_as_nodes))


OPERATORS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
FUNCTIONS = {"exp": 1, "log": 1, "sqrt": 1, "minimum": 2, "min": 2, "share": 2}
LONGEST, DEEPEST = 2000, 150


def parsed(text: str, columns: Sequence[str]) -> Expression:
    """The tree of a formula such as "E + A / N**alpha"; names not among the columns are parameters.

    Args:
        text: sums, differences, products, quotients and powers (** or ^) of numbers and names,
            with exp, log, sqrt and min.
        columns: names that stand for columns of the table.

    Raises:
        TypeError: if the formula is no text.
        ValueError: if it does not parse, contains anything else, or no parameter, or is nested
            deeper than 150 levels.
    """
    if not isinstance(text, str):
        refuse("formula", "text", text, TypeError)
    if len(text) > LONGEST:
        refuse("formula", f"at most {LONGEST} characters", len(text))
    try:
        tree = ast.parse(text.replace("^", "**").strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        refuse("formula", "a formula such as 'E + A / N**alpha'", text)
    if _depth(tree) > DEEPEST:
        refuse("formula", f"nested at most {DEEPEST} deep", text)
    expression = _node(tree, frozenset(columns))
    if not expression.names("parameter"):
        refuse("formula", "a formula with at least one parameter", text)
    return expression


def _depth(tree: ast.AST) -> int:
    """The depth of the tree in nodes."""
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [c for node in level for c in ast.iter_child_nodes(node)]
    return depth


def _node(node: ast.AST, columns: frozenset[str]) -> Expression:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, int | float) and value > sys.float_info.max:
        refuse("formula", f"made of numbers up to {sys.float_info.max:g}", ast.unparse(node))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Expression("number", (float(value),))
    if isinstance(node, ast.Name):
        return column(node.id) if node.id in columns else parameter(node.id)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = _node(node.left, columns), _node(node.right, columns)
        return operation(OPERATORS[type(node.op)], left, right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        operand = _node(node.operand, columns)
        return operation("neg", operand) if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, [_node(a, columns) for a in node.args])
    return refuse("formula", "made of + - * / **, exp, log, sqrt, min and names", ast.unparse(node))


def _call(name: str, operands: list[Expression]) -> Expression:
    if FUNCTIONS.get(name) != len(operands):
        refuse("formula", "made of + - * / **, exp, log, sqrt, min and names", f"{name}(…)")
    if name == "sqrt":
        return operation("pow", operands[0], 0.5)
    return operation("minimum" if name == "min" else name, *operands)
