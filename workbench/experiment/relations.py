"""Relations between knobs as data: bounds written as arithmetic over the names of other knobs."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_LONGEST = 1000
_FUNCTIONS: dict[str, Callable[..., float]] = {"min": min, "max": max}


def bound(expression: str, values: Mapping[str, float]) -> float:
    """The number that an expression over knobs stands for, such as `cells // 2`.

    Numbers, names, + - * / // **, and min and max of several are read.

    A power beyond the largest float is infinite, so that its time is bounded.

    Args:
        expression: the text.
        values: the number of every name in it.

    Raises:
        ValueError: if the text has anything else, a name that is no knob, or no value, such as a
            quotient by zero.
    """
    what = f"`relation` must be arithmetic over the knobs {', '.join(values)}"
    if len(expression) > _LONGEST:
        raise ValueError(f"{what}, of at most {_LONGEST} characters; got {len(expression)}")
    try:
        value = _value(ast.parse(expression, mode="eval").body, values, expression)
        if math.isnan(value):
            raise ArithmeticError("no real number")
    except (ArithmeticError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{what}, with a value; got {expression!r} ({error})") from None
    return value


def names(expression: str) -> set[str]:
    """The knobs that enter an expression."""
    nodes = ast.walk(ast.parse(expression, mode="eval"))
    return {n.id for n in nodes if isinstance(n, ast.Name)} - set(_FUNCTIONS)


def _value(node: ast.expr, values: Mapping[str, float], expression: str) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, values, expression)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in (*_BINARY, ast.Pow):
            sides = _value(left, values, expression), _value(right, values, expression)
            return _power(*sides) if isinstance(op, ast.Pow) else _BINARY[type(op)](*sides)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(a, values, expression) for a in args))
    raise ValueError(
        f"`relation` must be arithmetic over the knobs {', '.join(values)}; got {expression!r}"
    )


def _power(base: float, exponent: float) -> float:
    """The power: exact for whole numbers, and infinite beyond the largest float."""
    try:
        near = float(base) ** float(exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 else math.inf
    if isinstance(near, complex):
        raise ArithmeticError("no real number")
    return near if math.isinf(near) else base**exponent
