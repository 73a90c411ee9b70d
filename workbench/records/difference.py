"""What one value of JSON has otherwise than another, as JSON, and the way back.

Of a mapping: what is new or otherwise by its name, and under `-` the names that are gone. Of a
list of the same length: what is otherwise by its place. Anything else stands for itself; a mapping
that does so stands under `=`.
"""

from __future__ import annotations

from typing import Any

SAME = object()


def difference(value: Any, base: Any) -> Any:
    """What must be told of the value to somebody who has the base; `SAME` if nothing.

    True is not 1 and 1 is not 1.0, as JSON spells them otherwise.
    """
    if value is base:
        return SAME
    if isinstance(value, dict) and isinstance(base, dict) and not {"-", "="} & value.keys():
        made = {}
        for name, one in value.items():
            told = difference(one, base[name]) if name in base else _itself(one)
            if told is not SAME:
                made[name] = told
        if gone := [name for name in base if name not in value]:
            made["-"] = gone
        return made or SAME
    if isinstance(value, list) and isinstance(base, list) and len(value) == len(base):
        pairs = enumerate(zip(value, base, strict=True))
        made = {str(i): told for i, two in pairs if (told := difference(*two)) is not SAME}
        return made or SAME
    # -0.0 equals 0.0, and is another number.
    is_same = type(value) is type(base) and value == base and (value or str(value) == str(base))
    return SAME if is_same and not isinstance(value, dict) else _itself(value)


def merged(told: Any, base: Any) -> Any:
    """The value of which `difference` told.

    Raises:
        TypeError, KeyError, IndexError: if it told nothing of such a base.
    """
    if not isinstance(told, dict):
        return told
    if "=" in told:
        return told["="]
    if isinstance(base, list):
        made = list(base)
        for place, one in told.items():
            made[int(place)] = merged(one, made[int(place)])
        return made
    made = {**base}
    for name in told.get("-", ()):
        del made[name]
    for name, one in told.items():
        if name != "-":
            made[name] = merged(one, base[name]) if name in base else merged(one, None)
    return made


def _itself(value: Any) -> Any:
    return {"=": value} if isinstance(value, dict) else value
