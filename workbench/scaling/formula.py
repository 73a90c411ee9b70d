"""A formula given as text becomes a tree: parsed by a short list of what may stand in it.

Nothing is ever evaluated as Python: the text goes through `ast.parse`, and every node that is not
a number, a name, one of five operators or one of four functions is refused by name.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from workbench.checks import refuse
from workbench.scaling.expression import Expression, column, operation, parameter

OPERATORS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
FUNCTIONS = {"exp": 1, "log": 1, "sqrt": 1, "minimum": 2, "min": 2, "share": 2}
LONGEST = 2000


def parsed(text: str, columns: Sequence[str]) -> Expression:
    """The tree of a formula such as "E + A / N**alpha"; names not among the columns are parameters.

    Args:
        text: sums, differences, products, quotients and powers (** or ^) of numbers and names,
            with exp, log, sqrt and min.
        columns: names that stand for columns of the table.

    Raises:
        TypeError: if the formula is no text.
        ValueError: if it does not parse, holds anything else, or no parameter.
    """
    if not isinstance(text, str):
        refuse("formula", "text", text, TypeError)
    if len(text) > LONGEST:
        refuse("formula", f"at most {LONGEST} characters", len(text))
    try:
        tree = ast.parse(text.replace("^", "**").strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        refuse("formula", "a formula such as 'E + A / N**alpha'", text)
    made = _node(tree, frozenset(columns))
    if not made.names("parameter"):
        refuse("formula", "a formula with at least one parameter", text)
    return made


def _node(node: ast.AST, columns: frozenset[str]) -> Expression:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Expression("number", (float(node.value),))
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
