"""A first look at low cost: the same experiment with less of what its `Params` call budgets."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from workbench.experiment.params import Parameters, lowered

# Seconds a first look may take; drawing and the browser need the rest of a tenth of a second.
GOAL = 0.02
# A full run as quick as this needs no first look.
QUICK = 0.03
# Of every budget a first look takes this at least; from less it would be long on the way back.
LEAST = 2.0**-12


class Preview:
    """How a panel comes by a first look, learned from how long the last ones took.

    Attributes:
        share: of every budget, what the next first look takes.
    """

    def __init__(self, run: Callable[..., Any], quick: Callable[..., Any] | None = None):
        """Takes the experiment and, where there is one, a quick way to nearly the same result.

        Args:
            run: the experiment, `run(params)`.
            quick: called as `run` is; may return None for knobs that it cannot answer. The first
                line of its docstring says what it gives.
        """
        self._run, self._quick = run, quick
        self.share = 1 / 64
        self._full = self._look = 0.0

    def of(self, params: Parameters) -> Callable[[], tuple[Any, str]] | None:
        """What computes a first look and says what it is; None where the full run is as quick."""
        if 0 < self._full < QUICK:
            return None
        less = lowered(params, self.share)
        if self._quick is None and (less is None or self._look > self._full / 2 > 0):
            return None

        def work() -> tuple[Any, str]:
            found = None if self._quick is None else self._quick(params)
            if found is not None:
                return found, _said(self._quick)
            if less is None:
                raise LookupError("no first look at these knobs")
            return self._run(less), "few " + ", few ".join(_lowered(params, less))

        return work

    def took(self, seconds: float, was_preview: bool) -> None:
        """Learns from how long a first look or a full run took."""
        if not was_preview:
            self._full = seconds
            # One that took too long, as the first of all does where kernels are compiled, is
            # tried again after this.
            self._look /= 4
            return
        self._look = seconds
        # By a factor of four at most, for one that a busy machine held up.
        share = self.share * min(4.0, max(0.25, GOAL / max(seconds, 1e-4)))
        self.share = min(1.0, max(LEAST, share))


def _lowered(params: Parameters, less: Parameters) -> list[str]:
    before, after = params.values(), less.values()
    return [f"{name} ({after[name]:,})" for name in before if before[name] != after[name]]


def _said(quick: Callable[..., Any]) -> str:
    """The first line of what is said of it, as the end of a sentence."""
    # Other callables, such as a partial, inherit words on their kind.
    line = (quick.__doc__ or "" if inspect.isfunction(quick) else "").split("\n", 1)[0].rstrip(".")
    return line[:1].lower() + line[1:] if line else "a quick sketch"
