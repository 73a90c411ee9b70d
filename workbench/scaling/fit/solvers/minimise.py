"""Many fits of one law, each from its start to its minimum, compiled for the processor or a GPU.

Gauss-Newton with reweighting takes the first steps, the exact Hessian the last ones; Marquardt
damping rejects steps that do not lower the objective; a cost with a corner is first solved with a
wide one. All fits share the law and, mostly, the points: a resample is a row of weights.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import array_api_compat
import numpy as np

from workbench.base.array import Array
from workbench.base.cancellation import is_cancellable, steps
from workbench.base.checks import refuse
from workbench.scaling.fit.centring import Centring, centring
from workbench.scaling.fit.losses import ABSOLUTE
from workbench.scaling.fit.solvers.problem import COEFFICIENT, Minima, Problem
from workbench.scaling.fit.solvers.settings import SETTLED, solver_settings
from workbench.scaling.laws.catalogue import chinchilla

# An objective this small is rounding: the fit is exact.
NOTHING = 1e-20
# If a caller may cancel: the fits before the first cancellation point, and the seconds between
# later ones, since a fit takes 0.1 to 10 ms.
PART, MOMENT = 8, 0.01


def minima(
    problem: Problem,
    starts: np.ndarray,
    *,
    method: str = "auto",
    near: bool = False,
    levels: int = 99,
) -> Minima:
    """Every fit taken to its minimum.

    Args:
        problem: what is fitted.
        starts: slots to start from, (fits, parameters).
        method: "auto" takes "cuda" for two fits or more where the problem's home is a CuPy array,
            else "numba", since a single fit cannot fill a GPU.
        near: whether the starts are close enough to trust the exact Hessian from the first step.
        levels: through how many of the cost's deltas to go, counted from the last.
    """
    on_gpu = array_api_compat.is_cupy_array(problem.home)
    if method == "cuda" and not on_gpu:
        refuse("method", "another than 'cuda' for a table that is not of CuPy arrays", method)
    low, high, units = problem.low, problem.high, None
    if not problem.program.same(chinchilla.program):
        units = centring(problem.program, problem.data, low, high)
    if units:
        # A coefficient in units far from the column's may overflow, and is therefore unbounded.
        low, high = np.where(units.taken, -np.inf, low), np.where(units.taken, np.inf, high)
        problem = problem._replace(low=low, high=high)
    theta = np.clip(np.array(starts, np.float64, ndmin=2), low, high)
    if method == "auto":
        method = "cuda" if on_gpu and len(theta) > 1 else "numba"
    schedule = problem.cost.schedule()
    if problem.cost.code != ABSOLUTE:
        schedule = schedule[-levels:]
    outcome = _compiled(problem, theta, schedule, solver_settings(near), method, units)
    settled = (outcome[:, 2] < SETTLED) | (outcome[:, 0] <= NOTHING)
    return Minima(
        theta, outcome[:, 0], outcome[:, 1].astype(int), settled & np.isfinite(outcome[:, 0])
    )


def _compiled(
    problem: Problem, theta: np.ndarray, schedule: np.ndarray, settings: tuple, method: str,
    units: Centring | None,
) -> np.ndarray:  # fmt: skip
    """Moves θ in place, on the processor or on a GPU."""
    low, high, data = problem.low.copy(), problem.high.copy(), problem.data
    wide = low[:2].max(initial=-np.inf) <= -COEFFICIENT and high[:2].min() >= COEFFICIENT
    fast = problem.program.same(chinchilla.program) and bool(wide)
    centre = None
    if units:
        data = data - units.moves[:, None]
        theta += theta @ units.matrix.T
    if fast:
        # Centred logarithms decorrelate A and α, and give damping the same scale for both.
        centre = data.mean(axis=1)
        data = data - centre[:, None]
        theta[:, :2] -= theta[:, 3:5] * centre
        low[:2], high[:2] = -np.inf, np.inf
    problem, out = problem._replace(data=data, low=low, high=high), np.zeros((len(theta), 3))
    if method == "cuda":
        from workbench.scaling.fit.solvers import gpu

        gpu.fit_all(fast, problem, theta, schedule, settings, out)
    else:
        _on_processor(fast, problem, theta, schedule, settings, out)
    if centre is not None:
        theta[:, :2] += theta[:, 3:5] * centre
    if units:
        theta -= theta @ units.matrix.T
    return out


def _on_processor(
    fast: bool, problem: Problem, theta: Array, schedule: Array, settings: tuple, out: Array
) -> None:
    from workbench.scaling.fit.solvers.cpu import fit_all

    p, cost = problem.program, problem.cost
    program = (p.code, p.left, p.right, p.constant, p.needs)
    for some in _parts(len(theta)):
        fit_all(
            fast, program, np.ascontiguousarray(problem.data), problem.target, problem.weights,
            problem.places[some], theta[some], problem.low, problem.high, cost.code, schedule,
            cost.shape, settings, out[some],
        )  # fmt: skip


def _parts(count: int) -> Iterator[slice]:
    """The fits of a batch, which are independent: all, or parts if a caller may cancel."""
    if not is_cancellable():
        yield slice(count)
        return
    size, end = PART, 0
    for place in steps(range(count)):
        if place < end:
            continue
        start, end = time.perf_counter(), min(place + size, count)
        yield slice(place, end)
        growth = MOMENT / max(time.perf_counter() - start, 1e-6)
        size = max(PART, int(size * min(growth, 4.0)))
