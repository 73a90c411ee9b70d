"""The text alternative of a figure for screen readers, derived from its traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# The name in figures of the upper limit of a value that was measured as 0.
AT_MOST = "0, at most"


def alt_text(layout: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]) -> str:
    """One sentence: what the axes show, and where each line, set of marks or map begins and ends.

    Args:
        layout: plotly's layout as mappings.
        traces: plotly's traces as mappings.
    """
    x, y = (_axis(layout.get(f"{name}axis", {}), name) for name in "xy")
    parts = [part for trace in traces if (part := _part(trace))]
    return f"{y[:1].upper()}{y[1:]} against {x}: {'; '.join(parts) or 'nothing is drawn'}."


def _axis(axis: Mapping[str, Any], name: str) -> str:
    title = axis.get("title", {})
    label = title.get("text") if isinstance(title, Mapping) else title
    return f"{label or name}{' (log scale)' if axis.get('type') == 'log' else ''}"


def _part(trace: Mapping[str, Any]) -> str:
    name = str(trace.get("name") or "")
    if trace.get("type") == "heatmap":
        # The colours may show logarithms; `customdata` has the values themselves.
        return f"{name} {_span(trace.get('customdata', trace.get('z')))}"
    if trace.get("showlegend") is False or not name or name == AT_MOST:
        return ""
    x, y = (_numbers(trace.get(axis)) for axis in "xy")
    size = min(len(x), len(y))
    seen = np.isfinite(y[:size])
    if not seen.any():
        return f"{name} without a value"
    first, last = np.flatnonzero(seen)[[0, -1]]
    return f"{name} from {y[first]:.3g} at {x[first]:.4g} to {y[last]:.3g} at {x[last]:.4g}"


def _span(values: Any) -> str:
    numbers = _numbers(values)
    numbers = numbers[np.isfinite(numbers)]
    return f"between {numbers.min():.3g} and {numbers.max():.3g}" if len(numbers) else "blank"


def _numbers(values: Any) -> np.ndarray:
    """The values as an array of numbers; categories by their places."""
    array = np.asarray([] if values is None else values)
    try:
        return array.astype(float).ravel()
    except (TypeError, ValueError):
        return np.arange(array.size, dtype=float)
