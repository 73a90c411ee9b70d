"""What an experiment measures, computed once for each value of the knobs that enter it.

`@stage` turns a function of knobs into a measurement with a random stream of its own. Turning a
knob then recomputes only the measurements it enters, in a panel and along a slider. `Counts` and
`Samples` are measured values that know their intervals.
"""

from __future__ import annotations

import functools
import inspect
import os
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from workbench.base.array import Array, generator, host
from workbench.base.cancellation import step
from workbench.base.checks import real, refuse, whole
from workbench.base.intervals import chernoff_interval, chernoff_trials, student_interval
from workbench.experiment.memory import Memory
from workbench.experiment.params import Parameters

# Standard deviations on each side of an interval: a true law is contradicted once in millions.
DEVIATIONS = 5.0
# Events of each kind that make a rate worth comparing with its law.
COUNTABLE = 100
_MEMORY = Memory()


def stage(measure: Callable[..., Any]) -> Stage:
    """A measurement whose arguments are the names of knobs, remembered by their values.

    A first argument `rng` is a generator that belongs to this stage alone: its seed follows from
    the run's seed and the function's name, so that another stage, or a change of what another
    draws, leaves it as it is. Without `rng`, neither seed nor backend enter.

        @stage
        def misses(rng, cells, active, moved) -> Counts: ...

        misses(params)           # at the run's knobs
        misses(params, moved=3)  # with one of them replaced

    An argument may also be the name of a stage defined above in the same module, and is then its
    result, so that several stages measure what one of them drew.
    An argument annotated by a NamedTuple stands for the knobs of its fields.
    """
    return Stage(measure)


class Stage:
    """What `stage` returns.

    Attributes:
        measure: the function as it is written, which remembers nothing.
        stages: the stages among its arguments, by name.
        knobs: the names of the knobs that enter it or one of those stages.
        is_random: whether it or one of those stages draws from a generator.
    """

    __name__: str

    def __init__(self, measure: Callable[..., Any]):
        functools.update_wrapper(self, measure)
        # Its own module's names, also where a checker of types has wrapped it.
        above = inspect.unwrap(measure).__globals__
        given = inspect.signature(measure).parameters
        self.measure, self._names = measure, tuple(given)
        self.stages = {n: above[n] for n in given if isinstance(above.get(n), Stage)}
        kinds = {n: above.get(str(a.annotation), a.annotation) for n, a in given.items()}
        self._groups = {n: kind for n, kind in kinds.items() if hasattr(kind, "_fields")}
        self.knobs = tuple(dict.fromkeys(k for n in given for k in self._knobs_of(n)))
        self.is_random = "rng" in given or any(s.is_random for s in self.stages.values())

    def __call__(self, params: Any, **replaced: Any) -> Any:
        """The measurement at these knobs, a copy that the caller may change."""
        step()
        unknown = sorted(set(replaced) - set(self.knobs))
        if unknown:
            refuse("replaced", f"knobs that enter {self.__name__}: {self.knobs}", unknown)
        values = {k: replaced[k] if k in replaced else getattr(params, k) for k in self.knobs}
        origin = (params.seed, params.backend) if self.is_random else ()
        key = (self.measure, *origin, *values.values(), *_files(params, values))
        return _MEMORY.get(key, lambda: self.measure(*self._arguments(params, values)))

    def _knobs_of(self, name: str) -> tuple[str, ...]:
        if name in self.stages:
            return self.stages[name].knobs
        return self._groups[name]._fields if name in self._groups else (name,) * (name != "rng")

    def _arguments(self, params: Any, values: Mapping[str, Any]) -> Iterator[Any]:
        for name in self._names:
            if name in self.stages:
                below = self.stages[name]
                yield below(params, **{k: values[k] for k in below.knobs})
            elif name in self._groups:
                group = self._groups[name]
                yield group(*(values[k] for k in group._fields))
            elif name == "rng":
                yield stream(self.__name__, params.seed, params.backend)
            else:
                yield values[name]


def stream(name: str, seed: int, backend: str = "numpy") -> Any:
    """The random generator of a stage, independent of those of other names.

    NumPy's SeedSequence of the seed, spawned by the CRC-32 of the name, which every process and
    every version of Python agrees on.
    """
    child = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),))
    return generator(int(child.generate_state(1, np.uint64)[0]), backend)


def file_state(path: str) -> Hashable:
    """What tells whether a file is still the same; None where there is none.

    `Params` with a static method of this name have another rule, as for files that name others.
    """
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def forget() -> None:
    """Empties the memory of all measurements."""
    _MEMORY.clear()


@dataclass(frozen=True)
class Counts:
    """Events among independent trials, beside the law that gives their chance.

    Attributes:
        hits: how often each event came, one number or a row; becomes an array of the host.
        trials: how often each could have come.
        law: the chance of each under the law.
        deviations: half-width of the intervals in standard deviations of a normal law.

    Raises:
        ValueError: if a count is not in [0, trials] or a chance not in [0, 1].
    """

    hits: Array
    trials: int
    law: Array
    deviations: float = DEVIATIONS

    def __post_init__(self) -> None:
        """Checks the counts and their law."""
        trials = int(whole("trials", self.trials, 1))
        hits = np.atleast_1d(whole("hits", self.hits, 0, trials))
        law = np.atleast_1d(real("law", self.law, 0.0, 1.0))
        if hits.shape != law.shape:
            refuse("law", f"of the shape of hits={hits.shape}", law.shape)
        for name, value in (("hits", hits), ("trials", trials), ("law", law)):
            object.__setattr__(self, name, value)

    @property
    def rate(self) -> Float[np.ndarray, " events"]:
        """The measured chance of each event."""
        return self.hits / self.trials

    @functools.cached_property
    def interval(self) -> tuple[Float[np.ndarray, " events"], Float[np.ndarray, " events"]]:
        """Lower and upper ends of the chances that make the counts no surprise."""
        ends = [chernoff_interval(int(k), self.trials, self.deviations) for k in self.hits]
        low, high = np.array(ends).T
        return low, high

    @property
    def decisive(self) -> int:
        """The place of the rarest event that the trials can still count, by the law alone.

        That is the one of the smallest chance of which `COUNTABLE` events of each kind are
        expected; where there is none, the one nearest to one half.
        """
        countable = np.minimum(self.law, 1 - self.law) * self.trials >= COUNTABLE
        if not countable.any():
            return int(np.argmax(self.law * (1 - self.law)))
        return int(np.argmin(np.where(countable, self.law, np.inf)))

    def trials_for(self, resolution: float) -> int:
        """Trials that would narrow the decisive rate's interval to this share of its law."""
        chance = float(self.law[self.decisive])
        if not 0 < chance < 1:
            return self.trials
        return chernoff_trials(chance, resolution * chance, self.deviations)


@dataclass(frozen=True)
class Samples:
    """Values of independent replicas, whose mean is what was measured.

    Attributes:
        values: one row a replica, further axes as they come.
        law: what the mean is under the law; None where there is none.
        deviations: half-width of the intervals in standard deviations of a normal law.

    Raises:
        ValueError: if there are fewer than two replicas or a value is not finite.
    """

    values: Array
    law: Any = None
    deviations: float = DEVIATIONS

    def __post_init__(self) -> None:
        """Checks the replicas."""
        values = np.asarray(host(self.values), dtype=float)
        if values.ndim == 0 or len(values) < 2:
            refuse("values", "of at least 2 independent replicas", values.shape)
        if not np.isfinite(values).all():
            refuse("values", "finite", values[~np.isfinite(values)][0])
        object.__setattr__(self, "values", values)

    @property
    def mean(self) -> Any:
        """The mean over the replicas."""
        return self.values.mean(axis=0)

    @property
    def error(self) -> Any:
        """The standard error of the mean."""
        return self.values.std(axis=0, ddof=1) / np.sqrt(len(self.values))

    @functools.cached_property
    def interval(self) -> tuple[Any, Any]:
        """Lower and upper ends of the mean's interval, by Student's law of the replicas' number."""
        return student_interval(self.mean, self.error, len(self.values), self.deviations)

    def trials_for(self, resolution: float) -> int:
        """Replicas that would narrow the interval to this share of the law."""
        low, high = self.interval
        wide = (high - low) / 2 / (resolution * np.abs(self.law))
        return int(np.ceil(len(self.values) * float(np.max(wide)) ** 2))


def _files(params: Parameters, values: Mapping[str, Any]) -> list[Hashable]:
    """What tells whether the files that knobs name are still the same."""
    state = getattr(params, "file_state", file_state)
    paths = [values[k.name] for k in params.knobs() if k.suffixes and k.name in values]
    return [state(path) if path else None for path in paths]
