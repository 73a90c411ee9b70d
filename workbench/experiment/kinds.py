"""The types of knobs, as annotations, checked down to the items of containers.

A kind is `int`, `float`, `bool`, `str`, `list`, `tuple`, `dict`, `None`, `Any`, `Literal[...]`, a
container of kinds such as `list[int]` or `dict[str, float]`, or several joined by `|`.
"""

from __future__ import annotations

import math
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

NONFINITE = ("inf", "-inf", "nan")
_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "text",
    list: "a list",
    tuple: "a tuple",
    dict: "a mapping with text for keys",
    NoneType: "None",
}


def members(kind: Any) -> tuple[Any, ...]:
    """The kinds that `|` joins; a kind alone is its only member."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def choices(kind: Any) -> tuple[Any, ...] | None:
    """The values of a kind that consists of `Literal` and `None` alone; None for any other kind."""
    joined = members(kind)
    if not any(get_origin(one) is Literal for one in joined):
        return None
    if not all(one is NoneType or get_origin(one) is Literal for one in joined):
        return None
    return tuple(v for one in joined for v in (get_args(one) or (None,)))


def types(kind: Any) -> tuple[Any, ...]:
    """The members of a kind, `Literal` replaced by the types of its values."""
    parts: list[Any] = []
    for one in members(kind):
        parts += [type(v) for v in get_args(one)] if get_origin(one) is Literal else [one]
    return tuple(dict.fromkeys(parts))


def is_container(kind: Any) -> bool:
    """Whether values of the kind are lists, tuples or mappings."""
    return (get_origin(kind) or kind) in (list, tuple, dict)


def describe(kind: Any) -> str:
    """The kind as text: "a list, each item a whole number"."""
    joined, inner, base = members(kind), get_args(kind), get_origin(kind) or kind
    if len(joined) > 1:
        return " or ".join(map(describe, joined))
    if base is Literal:
        return "one of " + ", ".join(map(repr, inner))
    word = _WORDS.get(base, "any value that JSON has")
    if not inner:
        return word
    if base is tuple and inner[-1] is not Ellipsis:
        return f"{word} of {len(inner)} ({', '.join(map(describe, inner))})"
    return f"{word}, each {'value' if base is dict else 'item'} {describe(inner[base is dict])}"


def fits(value: Any, kind: Any) -> bool:
    """Whether the value is of the kind, item by item, and is plain (`is_plain`).

    A list passes for a tuple, as JSON has no tuples; a number passes for a whole number, whose
    fraction the model refuses.
    """
    joined, inner, base = members(kind), get_args(kind), get_origin(kind) or kind
    if len(joined) > 1:
        return any(fits(value, one) for one in joined)
    if base is Literal:
        return any(value == one and type(value) is type(one) for one in inner)
    if base in (list, tuple):
        return isinstance(value, list | tuple if base is tuple else list) and _items(value, kind)
    if base is dict and inner:
        return is_plain(value) and isinstance(value, dict) and _items(list(value.values()), kind)
    if base in (int, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and is_plain(value)
    return (base is Any or isinstance(value, base)) and is_plain(value)


def _items(values: Any, kind: Any) -> bool:
    """Whether every item of a container is of its kind, and there are as many as it says."""
    inner, base = get_args(kind), get_origin(kind) or kind
    if not inner:
        return all(map(is_plain, values))
    if base is tuple and inner[-1] is not Ellipsis:
        pairs = zip(values, inner, strict=False)
        return len(values) == len(inner) and all(fits(v, one) for v, one in pairs)
    return all(fits(v, inner[base is dict]) for v in values)


def is_plain(value: Any) -> bool:
    """Whether the value survives JSON; the bound on integers is that of the largest float."""
    if isinstance(value, list):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(k, str) and is_plain(k) and is_plain(v) for k, v in value.items())
    if isinstance(value, str):
        return not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return value.bit_length() <= 1024
    return value is None


def as_json(value: Any) -> Any:
    """The value as JSON has it: a tuple as a list, infinities and NaN as text."""
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if isinstance(value, dict):
        return {name: as_json(one) for name, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value
