"""A cache of results, bounded in bytes and in number."""

from __future__ import annotations

import copy
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

# Bounds of a cache: bytes of the arrays, and number of results.
MOST_BYTES, MOST_RESULTS = 2**28, 256


class ResultCache:
    """Results by key, the least recently used removed first; copies are stored and returned."""

    def __init__(self) -> None:
        self._results: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock, self._bytes = threading.Lock(), 0

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """A copy of the result under the key, which is computed if it is not stored."""
        with self._lock:
            entry = self._results.get(key)
            if entry is not None:
                self._results.move_to_end(key)
        if entry is None:
            # Outside the lock: another panel's measurement may take minutes.
            entry = self._put(key, compute())
        return copy.deepcopy(entry[0])

    def clear(self) -> None:
        """Removes all results."""
        with self._lock:
            self._results.clear()
            self._bytes = 0

    def _put(self, key: Hashable, result: Any) -> tuple[Any, int]:
        entry = copy.deepcopy(result), _bytes(result)
        if entry[1] > MOST_BYTES:
            return entry
        with self._lock:
            self._bytes += entry[1] - self._results.pop(key, (None, 0))[1]
            self._results[key] = entry
            while self._bytes > MOST_BYTES or len(self._results) > MOST_RESULTS:
                self._bytes -= self._results.popitem(last=False)[1][1]
        return entry


def _bytes(value: Any) -> int:
    """The bytes of the arrays in a result, in containers and objects as well."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if isinstance(value, dict):
        return sum(map(_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_bytes, value))
    parts = getattr(value, "__dict__", {})
    return sys.getsizeof(value) + sum(map(_bytes, parts.values()))
