"""Buttons of a panel, and the names that ipywidgets leaves out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anywidget
import ipywidgets


class Manners(anywidget.AnyWidget):
    """Names for screen readers; see the script beside this file."""

    _esm = Path(__file__).with_name("panel.js")


def button(name: str, tooltip: str, call: Callable[[], None], style: str = "") -> ipywidgets.Button:
    """A button as wide as its name."""
    made = ipywidgets.Button(
        description=name, tooltip=tooltip, button_style=style, layout={"width": "auto"}
    )
    made.on_click(lambda _: call())
    return made
