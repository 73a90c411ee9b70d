"""The controls of all knobs of an experiment, as one set of parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from widgets.panel.controls import Control
from workbench.base.checks import refuse
from workbench.experiment.params import KnobError, Parameters


class ControlSet(dict[str, Control]):
    """The control of every knob by name."""

    def __init__(self, model: type[Parameters], params: Parameters, run: Callable[..., None]):
        """Takes where the knobs stand, and what calls `call(*args)` in the panel's thread."""
        super().__init__({k.name: Control(k, getattr(params, k.name), run) for k in model.knobs()})
        self._model, self._run, self._is_turning = model, run, False

    def on_touch(self, call: Callable[[], None]) -> None:
        """Has the call made in the panel's thread whenever a control changes, but by `turn_to`."""

        def touched(_: Any) -> None:
            if not self._is_turning:
                call()

        for control in self.values():
            control.observe(partial(self._run, touched), "value")

    def stand(self) -> dict[str, Any]:
        """What the controls are set to, admitted or not."""
        return {name: control.value for name, control in self.items()}

    def params(self) -> Parameters:
        """The parameters as the controls stand, refused as the experiment refuses them."""
        values = self.stand()
        for name, control in self.items():
            endings, value = control.knob.suffixes, values[name]
            if endings and value and not (control.knob.admits(value) and Path(value).is_file()):
                what = "empty or the path of an existing file ending in " + ", ".join(endings)
                refuse(name, what, value, KnobError)
        return self._model(**values)

    def turn_to(self, params: Parameters) -> None:
        """Turns every knob at once, which is no touch."""
        self._is_turning = True
        try:
            for name, value in params.values().items():
                self[name].value = value
        finally:
            self._is_turning = False

    def refuse(self, error: BaseException) -> bool:
        """Shows a refusal at the knob that it names; whether there is one."""
        knob = KnobError(str(error)).knob if isinstance(error, ValueError) else None
        if knob in self:
            self[knob].refuse(str(error))
        return knob in self

    def admit(self) -> None:
        """Takes every refusal away."""
        for control in self.values():
            control.refuse("")
