"""Numbers as the words of a text alternative: where lines begin and end, what a map spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.base.array import host


def ends(values: Any) -> str:
    """Where a line begins and ends: "from 0.33 to 2.2e-37"; gaps at either end are passed over."""
    kept = _finite(values)
    return f"from {kept[0]:.3g} to {kept[-1]:.3g}" if len(kept) else "without a value"


def spans(values: Any) -> str:
    """The least and the greatest of many values: "between 0.1 and 5"."""
    kept = _finite(values)
    return f"between {kept.min():.3g} and {kept.max():.3g}" if len(kept) else "without a value"


def lines(named: Mapping[str, Any]) -> str:
    """Where each of several lines begins and ends: "law from 1 to 2, measured from 1.1 to 1.9"."""
    return ", ".join(f"{name} {ends(values)}" for name, values in named.items())


def _finite(values: Any) -> np.ndarray:
    column = np.asarray(host(values), dtype=float).ravel()
    return column[np.isfinite(column)]
