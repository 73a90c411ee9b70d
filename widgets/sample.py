"""A figure with one of every part that most figures have, of no experiment's numbers."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from widgets.figure import curve, figure, level, marks


def sample() -> go.Figure:
    """A line with a band, marks with error bars, and a level, on log axes."""
    x = np.logspace(0, 4, 20)
    fig = figure("x", "y", log_x=True, log_y=True, alt="A sample, 20 points.")
    curve(fig, x, 1 / x, "truth", truth=True, band=(0.5 / x, 2 / x))
    marks(fig, x, 1 / x, "measured", error=(0.8 / x, 1.2 / x))
    level(fig, 0.01, "level")
    return fig
