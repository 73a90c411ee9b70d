"""Formulas as trees, parsed from text."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.base.checks import refuse

ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}


@dataclass(frozen=True, eq=True)
class Expression:
    """A node: a parameter, a column or a number at the leaves, an operation above them.

    Attributes:
        kind: "parameter", "column", "number", or the operation's name.
        of: a leaf's name or value; an operation's operands.
    """

    kind: str
    of: tuple

    def __mul__(self, other: Expression) -> Expression:
        """The product."""
        return Expression("mul", (self, other))

    def __truediv__(self, other: Expression) -> Expression:
        """The quotient."""
        return Expression("div", (self, other))

    def __pow__(self, other: Expression) -> Expression:
        """The power."""
        return Expression("pow", (self, other))

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
        return Expression(OPERATORS[type(node.op)], (left, right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        operand = _node(node.operand, columns)
        return Expression("neg", (operand,)) if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, [_node(a, columns) for a in node.args])
    return refuse("formula", "made of + - * / **, exp, log, sqrt, min and names", ast.unparse(node))


def _call(name: str, operands: list[Expression]) -> Expression:
    if FUNCTIONS.get(name) != len(operands):
        refuse("formula", "made of + - * / **, exp, log, sqrt, min and names", f"{name}(…)")
    if name == "sqrt":
        return Expression("pow", (operands[0], Expression("number", (0.5,))))
    return Expression("minimum" if name == "min" else name, tuple(operands))
