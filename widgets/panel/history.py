"""Which parameters a panel has left, so that a change can be taken back."""

from __future__ import annotations

import time

from workbench.experiment.params import Parameters

# Seconds within which turns of the same knobs are one change, as in the drag of a slider.
DRAG = 1.0


class History:
    """The parameters that were left, oldest first.

    Attributes:
        first: where the knobs stood at first.
    """

    def __init__(self, first: Parameters):
        """Takes where the knobs stand at first."""
        self.first = first
        self._left: list[Parameters] = []
        self._last: tuple[tuple[str, ...], float] = ((), 0.0)

    def __bool__(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._left)

    def leave(self, before: Parameters, after: Parameters) -> None:
        """Notes a change, unless it goes on with the one before."""
        held, turned = before.values(), after.values()
        names, now = tuple(n for n in held if held[n] != turned[n]), time.monotonic()
        last, when = self._last
        if not names:
            return
        if names != last or now - when > DRAG or not self._left:
            self._left.append(before)
        self._last = names, now

    def back(self) -> Parameters:
        """The parameters before the last change, which is then forgotten."""
        self._last = ((), 0.0)
        return self._left.pop()
