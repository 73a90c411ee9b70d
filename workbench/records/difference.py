"""The difference between two JSON values as JSON, and how to apply it.

For two objects: new and changed values by name, and the removed names under `-`. For two lists of
equal length: changed items by index. Otherwise the new value itself; an object is put under `=`.
"""

from __future__ import annotations

from typing import Any

SAME = object()


def difference(value: Any, base: Any) -> Any:
    """The difference of the value from the base, for `merged`; `SAME` if there is none.

    Values are compared by their JSON: True is not 1, 1 is not 1.0, and -0.0 is not 0.0.
    """
    if value is base:
        return SAME
    changes: dict[str, Any] = {}
    if isinstance(value, dict) and isinstance(base, dict) and not {"-", "="} & value.keys():
        for name, item in value.items():
            change = difference(item, base[name]) if name in base else _replacement(item)
            if change is not SAME:
                changes[name] = change
        if removed := [name for name in base if name not in value]:
            changes["-"] = removed
        return changes or SAME
    if isinstance(value, list) and isinstance(base, list) and len(value) == len(base):
        for index, pair in enumerate(zip(value, base, strict=True)):
            if (change := difference(*pair)) is not SAME:
                changes[str(index)] = change
        return changes or SAME
    is_same = type(value) is type(base) and value == base and (value or str(value) == str(base))
    return SAME if is_same and not isinstance(value, dict) else _replacement(value)


def merged(change: Any, base: Any) -> Any:
    """The value whose difference from the base is `change`.

    Raises:
        TypeError, KeyError, IndexError: if the change does not fit the base.
    """
    if not isinstance(change, dict):
        return change
    if "=" in change:
        return change["="]
    if isinstance(base, list):
        items = list(base)
        for index, one in change.items():
            items[int(index)] = merged(one, items[int(index)])
        return items
    values = {**base}
    for name in change.get("-", ()):
        del values[name]
    for name, one in change.items():
        if name != "-":
            values[name] = merged(one, base.get(name))
    return values


def _replacement(value: Any) -> Any:
    return {"=": value} if isinstance(value, dict) else value
