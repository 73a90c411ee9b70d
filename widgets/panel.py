"""A panel for any experiment: controls from its `Params`, a live figure, and no error lost."""

from __future__ import annotations

import html
import shlex
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import plotly.graph_objects as go
import traitlets

from widgets.controls import SMALL, Control, alert
from workbench.checks import refuse
from workbench.knobs import KnobError, Parameters

HOME = "workbench.experiments."
READERS = {"uid", "type", "visible"}


def panel(
    model: type[Parameters],
    run: Callable[..., Any],
    draw: Callable[..., go.Figure],
    params: Parameters | None = None,
    *,
    live: bool = False,
) -> Panel:
    """A box of controls and a figure that follows them.

    It computes nothing until a control is touched or its button is pressed, so that a notebook run
    as a batch neither waits for it nor stores the figure's library.

    Args:
        model: the experiment's `Params`; every knob gets a control.
        run: the experiment, `run(params)`.
        draw: what draws a result, `draw(params, result)`.
        params: where the knobs stand at first; the defaults if not given.
        live: whether to compute at once.
    """
    made = Panel(model, run, draw, model() if params is None else params)
    if live:
        made.refresh()
    return made


class Panel(ipywidgets.VBox):
    """What `panel` returns.

    Attributes:
        controls: the control of every knob by name; set `.value` to turn one.
        params: the last parameters that were admitted.
        result: what the experiment returned for them, or None before the first run.
        figure: the figure shown, or None before the first run.
        error: what went wrong at the last touch, or None.
    """

    def __init__(self, model: type[Parameters], run: Callable, draw: Callable, params: Parameters):
        self._model, self._run, self._draw = model, run, draw
        self.params = params
        self.result = self.figure = self.error = None
        self.controls = {k.name: Control(k, getattr(params, k.name)) for k in model.knobs()}
        self._button = ipywidgets.Button(
            description="Run", button_style="primary", tooltip="compute and draw at these knobs"
        )
        self._alert, self._command = ipywidgets.HTML(), ipywidgets.HTML()
        self._place = ipywidgets.VBox(layout={"width": "100%", "min_width": "0"})
        self._manners = Manners()
        knobs = ipywidgets.Box(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        super().__init__(
            [knobs, self._button, self._command, self._alert, self._manners, self._place]
        )
        self.add_class("workbench-panel")
        self._tell()
        for control in self.controls.values():
            control.observe(self._touched, "value")
        self._button.on_click(self._touched)

    @property
    def command(self) -> str:
        """The command line that runs the experiment at the last admitted knobs."""
        module = type(self.params).__module__
        name = module.removeprefix(HOME).replace(".", "/")
        words = ["workbench", "run", name if module.startswith(HOME) else "THIS-NOTEBOOK.ipynb"]
        for knob, value in self.params.changed().items():
            words += [f"--{knob}", str(value)]
        return shlex.join(words)

    def refresh(self) -> None:
        """Computes and draws at the present knobs.

        Raises:
            Exception: whatever went wrong, after it is shown, so that a batch run fails by it.
        """
        self._touched()
        if self.error is not None:
            raise self.error

    def _touched(self, _: Any = None) -> None:
        """Computes and draws; shows and keeps every error, which a callback's caller would lose."""
        self.error, self._alert.value = None, ""
        for control in self.controls.values():
            control.refuse("")
        self._button.disabled = True
        try:
            self.params = self._turned()
            self._tell()
            self.result = self._run(self.params)
            self._show(self._draw(self.params, self.result))
        except Exception as error:
            self.error = error
            self._complain(error)
        finally:
            self._button.disabled = False

    def _turned(self) -> Parameters:
        """The parameters as the controls stand, refused as the experiment refuses them."""
        for name, control in self.controls.items():
            endings, value = control.knob.suffixes, control.value
            if endings and value and not (value.endswith(endings) and Path(value).is_file()):
                what = "empty or the path of an existing file ending in " + ", ".join(endings)
                refuse(name, what, value, KnobError)
        return self._model(**{name: control.value for name, control in self.controls.items()})

    def _complain(self, error: Exception) -> None:
        """A refusal as its sentence, at the knob it names; anything else with its traceback."""
        knob = KnobError(str(error)).knob if isinstance(error, ValueError) else None
        if knob in self.controls:
            self.controls[knob].refuse(str(error))
        else:
            self._alert.value = alert(f"{type(error).__name__}: {error}") + _trace(error)
        if self.figure is not None:
            self._tell("The figure is of earlier knobs.")

    def _tell(self, note: str = "") -> None:
        code = f'<code style="overflow-wrap:anywhere">{html.escape(self.command)}</code>'
        self._command.value = f'<p style="{SMALL}">As a run of its own: {code} {note}</p>'

    def _show(self, figure: go.Figure) -> None:
        if self.figure is not None and _kinds(self.figure) == _kinds(figure):
            _update(self.figure, figure)
        else:
            self.figure = _alive(figure)
            self._place.children = [self.figure]
        self._manners.alt = (figure.layout.meta or {}).get("alt", "")


class Manners(anywidget.AnyWidget):
    """Names for screen readers and a figure as wide as its panel; see the script beside this file.

    Attributes:
        alt: what the figure shows, in words.
    """

    _esm = Path(__file__).with_name("panel.js")
    alt = traitlets.Unicode().tag(sync=True)


def _alive(figure: go.Figure) -> go.FigureWidget:
    shown = go.FigureWidget(data=figure.data, layout=figure.layout)
    # The ink is dark: in a dark JupyterLab a transparent figure would be unreadable.
    shown.update_layout(paper_bgcolor="white", plot_bgcolor="white")
    # The only way to have a FigureWidget listen to the window; plotly has no public one.
    shown._config = {**shown._config, "responsive": True}
    return shown


def _update(shown: go.FigureWidget, figure: go.Figure) -> None:
    """Carries what differs over to the figure shown, in one message; zoom and legend stay."""
    with shown.batch_update():
        for old, new in zip(shown.data, figure.data, strict=True):
            before, after = old.to_plotly_json(), new.to_plotly_json()
            for key in (before.keys() | after.keys()) - READERS:
                if not _same(before.get(key), after.get(key)):
                    old[key] = after.get(key)
        after = figure.layout.to_plotly_json()
        for key in ("annotations", "shapes"):
            shown.layout[key] = after.pop(key, ())
        after.pop("template", None)
        shown.update_layout(after)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return type(a) is type(b) and bool(np.array_equal(a, b))


def _kinds(figure: Any) -> list[str]:
    return [trace.type for trace in figure.data]


def _trace(error: Exception) -> str:
    """Where it went wrong, folded where the sentence may be enough."""
    lines = html.escape("".join(traceback.format_exception(error)))
    opened = "" if isinstance(error, ValueError) else " open"
    text = f'<pre style="overflow:auto;max-height:24em;{SMALL}">{lines}</pre>'
    return f"<details{opened}><summary>where it happened</summary>{text}</details>"
