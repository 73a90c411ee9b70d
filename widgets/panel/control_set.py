"""The controls of an experiment's parameters as one set, and their undo history."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from widgets.panel.controls import Control
from workbench.base.checks import refuse
from workbench.experiment.params import KnobError, Parameters

# Seconds within which changes of the same knobs count as one, as in the drag of a slider.
DRAG = 1.0


class ControlSet(dict[str, Control]):
    """The control of every knob by name."""

    def __init__(self, model: type[Parameters], params: Parameters, run: Callable[..., None]):
        """Creates one control a knob.

        Args:
            model: the experiment's `Params`.
            params: the initial values.
            run: calls `call(*args)` in the panel's event loop.
        """
        super().__init__({k.name: Control(k, getattr(params, k.name), run) for k in model.knobs()})
        self._model, self._run, self._is_setting = model, run, False

    def on_change(self, call: Callable[[], None]) -> None:
        """Registers what is called in the event loop when a control changes, except by `set`."""

        def changed(_: Any) -> None:
            if not self._is_setting:
                call()

        for control in self.values():
            control.observe(partial(self._run, changed), "value")

    def settings(self) -> dict[str, Any]:
        """The values of the controls, valid or not."""
        return {name: control.value for name, control in self.items()}

    def params(self) -> Parameters:
        """The parameters that the controls are set to.

        Raises:
            KnobError: if the experiment refuses them, or a file does not exist.
        """
        values = self.settings()
        for name, control in self.items():
            suffixes, value = control.knob.suffixes, values[name]
            if suffixes and value and not (control.knob.admits(value) and Path(value).is_file()):
                what = "empty or the path of an existing file ending in " + ", ".join(suffixes)
                refuse(name, what, value, KnobError)
        return self._model(**values)

    def set(self, params: Parameters) -> None:
        """Sets all controls at once, without calling what `on_change` registered."""
        self._is_setting = True
        try:
            for name, value in params.values().items():
                self[name].value = value
        finally:
            self._is_setting = False

    def show_error(self, error: BaseException) -> bool:
        """Shows an error at the knob that it names; False if it names none."""
        name = KnobError(str(error)).knob if isinstance(error, ValueError) else None
        if name in self:
            self[name].show_error(str(error))
        return name in self

    def clear_errors(self) -> None:
        """Removes the errors of all knobs."""
        for control in self.values():
            control.show_error("")


class History:
    """Undo history of the parameters.

    Attributes:
        initial: the parameters before any change.
    """

    def __init__(self, initial: Parameters):
        """Starts an empty history at the initial parameters."""
        self.initial = initial
        self._previous: list[Parameters] = []
        self._last: tuple[tuple[str, ...], float] = ((), 0.0)

    def __bool__(self) -> bool:
        """Whether there is a change to undo."""
        return bool(self._previous)

    def push(self, before: Parameters, after: Parameters) -> None:
        """Records a change, unless it continues the last one."""
        old, new = before.values(), after.values()
        names, now = tuple(n for n in old if old[n] != new[n]), time.monotonic()
        last, when = self._last
        if not names:
            return
        if names != last or now - when > DRAG or not self._previous:
            self._previous.append(before)
        self._last = names, now

    def pop(self) -> Parameters:
        """Removes the last change and returns the parameters before it."""
        self._last = ((), 0.0)
        return self._previous.pop()
