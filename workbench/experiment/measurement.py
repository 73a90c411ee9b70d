"""Measurements of an experiment, computed once for each value of the knobs that enter them.

`@stage` turns a function of knobs into a measurement with a random stream of its own. Changing a
knob then recomputes only the measurements that it enters, in a panel and along a slider. `Counts`
and `Samples` are measured values with confidence intervals.
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
from workbench.base.checks import Refusal, nearest, real, refusal, refuse, whole
from workbench.base.intervals import chernoff_interval, chernoff_trials, student_interval
from workbench.experiment.params import KnobError, Parameters
from workbench.experiment.result_cache import ResultCache

# Standard deviations on each side of an interval: a true law is contradicted once in a million.
DEVIATIONS = 5.0
# Expected events of each kind that a rate needs to be compared with its law.
COUNTABLE = 100
_IN_STAGE = "in the stage `"
_CACHE = ResultCache()


def stage(measure: Callable[..., Any]) -> Stage:
    """A measurement whose arguments are names of knobs, cached by their values.

    A first argument `rng` is a generator of this stage alone: its seed is derived from the run's
    seed and the function's name, so that changes of other stages do not affect it. Without `rng`,
    neither seed nor backend enter.

        @stage
        def misses(rng, cells, active, moved) -> Counts: ...

        misses(params)           # at the run's knobs
        misses(params, moved=3)  # with one of them replaced

    An argument may also be the name of a stage defined above in the same module, and is then its
    result, so that several stages can share a sample. An argument annotated by a NamedTuple stands
    for the knobs of its fields.
    """
    return Stage(measure)


class Stage:
    """What `stage` returns.

    Attributes:
        measure: the function itself, without the cache.
        stages: the stages among its arguments, by name.
        knobs: the names of the knobs that enter it or one of those stages.
        is_random: whether it or one of those stages draws from a generator.
    """

    __name__: str

    def __init__(self, measure: Callable[..., Any]):
        functools.update_wrapper(self, measure)
        # The names of its module, also if a decorator of another module wraps it.
        above = inspect.unwrap(measure).__globals__
        given = inspect.signature(measure).parameters
        self.measure, self._names = measure, tuple(given)
        self._above = tuple(n for n, value in above.items() if isinstance(value, Stage))
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
        for name in set(self.knobs) - set(replaced):
            if not hasattr(params, name):
                hint = nearest(name, [*vars(params), *self._above])
                where = f"`{name}`, an argument of the stage `{self.__name__}`,"
                raise AttributeError(f"{where} must be a knob or a stage above it; {hint}")
        values = {k: replaced[k] if k in replaced else getattr(params, k) for k in self.knobs}
        origin = (params.seed, params.backend) if self.is_random else ()
        key = (self.measure, *origin, *values.values(), *_files(params, values))
        return _CACHE.get(key, lambda: self._measured(params, values))

    def _measured(self, params: Any, values: Mapping[str, Any]) -> Any:
        try:
            return self.measure(*self._arguments(params, values))
        except Refusal as error:
            # An error that names a knob is shown at the knob, and one about a file says where. Any
            # other names an argument of some primitive, which alone would not say where.
            names_knob = KnobError(str(error)).knob in {k.name for k in params.knobs()}
            if names_knob or any(_files(params, values)) or str(error).startswith(_IN_STAGE):
                raise
            raise refusal(f"{_IN_STAGE}{self.__name__}`: {error}") from error

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
    """A value that changes with the file; None if there is no file.

    A static method of this name in `Params` replaces it, as for files that name other files.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def clear_cache() -> None:
    """Removes the results of all measurements."""
    _CACHE.clear()


@dataclass(frozen=True)
class Counts:
    """Numbers of events in independent trials, and their probabilities by a law.

    Attributes:
        hits: number of each event, a number or a row; becomes a host array.
        trials: number of trials.
        law: probability of each event.
        deviations: half-width of the intervals in standard deviations of a normal law.

    Raises:
        ValueError: if a count is not in [0, trials] or a probability not in [0, 1].
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
        """The measured rate of each event."""
        return self.hits / self.trials

    @functools.cached_property
    def interval(self) -> tuple[Float[np.ndarray, " events"], Float[np.ndarray, " events"]]:
        """Lower and upper ends of the rates' confidence intervals (`chernoff_interval`)."""
        ends = [chernoff_interval(int(k), self.trials, self.deviations) for k in self.hits]
        low, high = np.array(ends).T
        return low, high

    @property
    def decisive(self) -> int:
        """The index of the rarest event with enough trials, by the law alone.

        It is the least probable one for which `COUNTABLE` events of each kind are expected; without
        one, the one closest to one half.
        """
        countable = np.minimum(self.law, 1 - self.law) * self.trials >= COUNTABLE
        if not countable.any():
            return int(np.argmax(self.law * (1 - self.law)))
        return int(np.argmin(np.where(countable, self.law, np.inf)))

    def trials_for(self, resolution: float) -> int:
        """Number of trials that narrow the decisive interval to this share of the law."""
        rate = float(self.law[self.decisive])
        if not 0 < rate < 1:
            return self.trials
        return chernoff_trials(rate, resolution * rate, self.deviations)


@dataclass(frozen=True)
class Samples:
    """Values of independent replicas; the measured value is their mean.

    Attributes:
        values: one row a replica, with any further axes.
        law: the mean by a law; None without one.
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
        """Lower and upper ends of the mean's confidence interval (`student_interval`)."""
        return student_interval(self.mean, self.error, len(self.values), self.deviations)

    def trials_for(self, resolution: float) -> int:
        """Number of replicas that narrow the interval to this share of the law."""
        low, high = self.interval
        excess = (high - low) / 2 / (resolution * np.abs(self.law))
        return int(np.ceil(len(self.values) * float(np.max(excess)) ** 2))


def _files(params: Parameters, values: Mapping[str, Any]) -> list[Hashable]:
    """Values that change with the files that knobs name."""
    state = getattr(params, "file_state", file_state)
    paths = [values[k.name] for k in params.knobs() if k.suffixes and k.name in values]
    return [state(path) if path else None for path in paths]
