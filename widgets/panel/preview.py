"""Previews: the same experiment with a smaller share of what its `Params` declare as budgets."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from workbench.experiment.params import Parameters, lowered

# Seconds for a preview; drawing and the browser take the rest of a tenth of a second.
GOAL = 0.02
# A full run that takes fewer seconds needs no preview.
QUICK = 0.03
# Smallest share of the budgets; from a smaller one it would take long to recover.
LEAST = 2.0**-12


class Preview:
    """Chooses how to preview a run, by the durations of the last ones.

    Attributes:
        share: the share of every budget for the next preview.
    """

    def __init__(self, run: Callable[..., Any], quick: Callable[..., Any] | None = None):
        """Takes the experiment and, if there is one, a fast approximation.

        Args:
            run: the experiment, `run(params)`.
            quick: the approximation, `quick(params)`; may return None for parameters that it cannot
                answer. The first line of its docstring says what it returns.
        """
        self._run, self._quick = run, quick
        self.share = 1 / 64
        self._full_seconds = self._preview_seconds = 0.0

    def of(self, params: Parameters) -> Callable[[], tuple[Any, str]] | None:
        """A function that computes a preview and its label; None if the full run is as fast."""
        full, last = self._full_seconds, self._preview_seconds
        if 0 < full < QUICK:
            return None
        less = lowered(params, self.share)
        if self._quick is None and (less is None or last > full / 2 > 0):
            return None

        def work() -> tuple[Any, str]:
            result = None if self._quick is None else self._quick(params)
            if result is not None:
                return result, _label(self._quick)
            if less is None:
                raise LookupError("no preview at these knobs")
            return self._run(less), "few " + ", few ".join(_lowered(params, less))

        return work

    def took(self, seconds: float, was_preview: bool) -> None:
        """Adapts the share to the duration of a preview or a full run."""
        if not was_preview:
            self._full_seconds = seconds
            # A preview that took too long, as the first one does that compiles kernels, is tried
            # again after some full runs.
            self._preview_seconds /= 4
            return
        self._preview_seconds = seconds
        # By a factor of four at most, since a busy machine may have delayed one preview.
        share = self.share * min(4.0, max(0.25, GOAL / max(seconds, 1e-4)))
        self.share = min(1.0, max(LEAST, share))


def _lowered(params: Parameters, less: Parameters) -> list[str]:
    before, after = params.values(), less.values()
    return [f"{name} ({after[name]:,})" for name in before if before[name] != after[name]]


def _label(quick: Callable[..., Any]) -> str:
    """The first line of its docstring, as the end of a sentence."""
    # Other callables, such as a partial, inherit the docstring of their class.
    line = (quick.__doc__ or "" if inspect.isfunction(quick) else "").split("\n", 1)[0].rstrip(".")
    return line[:1].lower() + line[1:] if line else "an approximation"
