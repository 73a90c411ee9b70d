"""A figure drawn unseen before the first touch, so that it need not wait for what loads once.

What a first look imports and compiles is there by then, and the browser has compiled what plotly
does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go

from widgets.figure.figure import curve, figure, level, marks
from widgets.panel.plot import Plot
from widgets.panel.preview import Preview
from widgets.panel.scheduler import Latest
from workbench.experiment.params import Parameters


def rehearse(
    latest: Latest,
    preview: Preview,
    draw: Callable[[Parameters, Any], go.Figure],
    plot: Plot,
    params: Parameters,
) -> None:
    """Has a first look computed and drawn unseen; where there is none, a sample is drawn.

    No full run is made: nobody has asked for one, and it may take minutes.
    """
    look = preview.of(params)
    if look is None:
        plot.rehearse(sample())
    else:
        latest.rehearse(lambda: draw(params, look()[0]), plot.rehearse)


def sample() -> go.Figure:
    """A line with a band, marks with error bars, and a level; no experiment's numbers."""
    x = np.logspace(0, 4, 20)
    fig = figure("x", "y", log_x=True, log_y=True, alt="A sample, 20 points.")
    curve(fig, x, 1 / x, "truth", truth=True, band=(0.5 / x, 2 / x))
    marks(fig, x, 1 / x, "measured", error=(0.8 / x, 1.2 / x))
    level(fig, 0.01, "level")
    return fig
