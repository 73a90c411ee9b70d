"""The solver in plain arrays over all fits at once: the reference of the compiled ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workbench.base.array import Array
from workbench.scaling.fit import losses
from workbench.scaling.fit.solvers.problem import Problem
from workbench.scaling.fit.solvers.settings import DAMPING, FALL, FLAT, MOST, RISE, ROUGH, STIFF
from workbench.scaling.laws import autodiff
from workbench.scaling.laws.law import Law


def minima(problem: Problem, starts: Array) -> tuple[Array, Array]:
    """Where each start ends, as slots, and the objective there."""
    theta = np.clip(starts, problem.low, problem.high)
    out = descended(problem.every(len(theta)), theta, problem.cost.schedule(), False)
    return theta, out[:, 0]


def descended(problem: Problem, theta: Array, schedule: Array, near: bool) -> Array:
    """Moves θ (fits, parameters) in place; returns objective, iterations and relative decrement."""
    out = np.zeros((len(theta), 3))
    for place in np.unique(problem.places[:, :2], axis=0):
        rows = np.flatnonzero((problem.places[:, :2] == place).all(axis=1))
        cut = slice(place[0], place[1])
        part = problem._replace(
            data=problem.data[:, cut],
            target=problem.target[cut],
            weights=problem.weights[problem.places[rows, 2]][:, cut],
        )
        moved = theta[rows]
        for level, delta in enumerate(schedule):
            last = level == len(schedule) - 1
            outcome = _descend(part, moved, delta, last, near or level > 0)
            out[rows, 0], out[rows, 2] = outcome[:, 0], outcome[:, 2]
            out[rows, 1] += outcome[:, 1]
        theta[rows] = moved
    return out


def _descend(problem: Problem, theta: Array, delta: float, last: bool, near: bool) -> Array:
    """One delta: all fits step together, except those that are done."""
    fits = len(theta)
    damping, calm = np.full(fits, DAMPING), np.zeros(fits)
    exact, active = np.full(fits, near), np.ones(fits, bool)
    spent, decrement = np.zeros(fits), np.zeros(fits)
    value = _objective(problem, theta, delta)
    active &= np.isfinite(value)
    decrement[~active] = np.inf
    for _ in range(MOST):
        at = np.flatnonzero(active)
        if len(at) == 0:
            break
        here = problem._replace(weights=problem.weights[at])
        step, promised = _steps(here, theta[at], delta, damping[at], exact[at])
        trial = np.clip(theta[at] + step, problem.low, problem.high)
        moved = _objective(here, trial, delta)
        spent[at] += 1
        decrement[at] = promised
        taken = moved <= value[at]
        fall = np.where(taken, value[at] - moved, 0.0)
        exact[at] = np.where(taken, near | (fall <= 0.3 * moved), exact[at])
        still = taken & (fall <= (FLAT if last else ROUGH) * moved)
        calm[at] = np.where(taken, np.where(still, calm[at] + 1, 0), calm[at])
        theta[at[taken]], value[at[taken]] = trial[taken], moved[taken]
        slower = np.maximum(damping[at], 1e-9) * RISE
        easier = np.where(damping[at] > 1e-12, damping[at] / FALL, 0.0)
        damping[at] = np.where(taken, easier, slower)
        stuck = ~taken & ((damping[at] > STIFF) | (promised <= 1e-16 * value[at]))
        active[at] = ~(stuck | (calm[at] >= (2 if last else 1)) | (value[at] == 0))
    return np.stack([value, spent, decrement / np.maximum(value, 1e-300)], axis=1)


def _objective(problem: Problem, theta: Array, delta: float) -> Array:
    predicted = autodiff.log_loss(problem.program, theta, problem.data)
    rho = losses.parts(problem.cost.code, predicted - problem.target, delta, problem.cost.shape)[0]
    with np.errstate(invalid="ignore"):
        total = np.where(problem.weights > 0, problem.weights * rho, 0.0).sum(axis=1)
    return np.where(np.isfinite(total), total, np.inf)


def _steps(
    problem: Problem, theta: Array, delta: float, damping: Array, exact: Array
) -> tuple[Array, Array]:
    """The damped steps of all fits, and the predicted fall of each objective."""
    trace = autodiff.forward(problem.program, theta, problem.data)
    jacobian = autodiff.gradient(trace)
    _, psi, bend, reweighting = losses.parts(
        problem.cost.code, trace.log_loss - problem.target, delta, problem.cost.shape
    )
    w = problem.weights
    gradient = np.einsum("fn,fnp->fp", w * psi, jacobian)
    gauss = np.einsum("fn,fnp,fnq->fpq", w * reweighting, jacobian, jacobian)
    newton = np.einsum("fn,fnp,fnq->fpq", w * bend, jacobian, jacobian)
    if exact.any():
        newton = newton + np.einsum("fn,fnpq->fpq", w * psi, hessian(trace))
    scale = np.einsum("fpp->fp", gauss)
    free = ~(((theta <= problem.low) & (gradient > 0)) | ((theta >= problem.high) & (gradient < 0)))
    free &= (problem.low < problem.high) & (scale > 0)
    both = free[:, :, None] & free[:, None, :]
    eye = np.eye(theta.shape[1])
    add = (np.where(free, damping[:, None] * scale, 1.0))[:, :, None] * eye
    hard = np.where(both, newton, 0.0) + add
    soft = np.where(both, gauss, 0.0) + add
    # Definite after scaling to a unit diagonal, so that units do not decide.
    unit = 1 / np.sqrt(np.maximum(np.einsum("fpp->fp", soft), 1e-300))
    scales = unit[:, :, None] * unit[:, None, :]
    lowest = np.linalg.eigvalsh(hard * scales)[:, 0]
    chosen = np.where((exact & (lowest > 1e-14))[:, None, None], hard, soft)
    right = -np.where(free, gradient, 0.0) * unit
    step = np.linalg.solve(chosen * scales + 1e-300 * eye, right[:, :, None])[:, :, 0] * unit
    return step, -(step * gradient).sum(axis=1)


def hessian(trace: autodiff.Trace) -> np.ndarray:
    """∂² log L / ∂ slot ∂ slot, (fits, points, parameters, parameters), exact."""
    bars = autodiff.reverse(trace)
    columns = [
        autodiff.stacked(trace, _tangent_reverse(trace, bars, p))
        for p in range(len(trace.program.parameters))
    ]
    return np.stack(columns, axis=-1)


def _tangent_reverse(trace: autodiff.Trace, bars: list, p: int) -> list:
    """The derivative of every slot's adjoint along parameter p: forward over reverse."""
    program, first = trace.program, len(trace.values) - len(trace.partials)
    dots: list = [0.0] * first
    dots[p] = 1.0
    with np.errstate(all="ignore"):
        for step, (dx, dy, *_) in enumerate(trace.partials):
            left, right = dots[program.left[step]], dots[program.right[step]]
            dots.append(autodiff.product(left, dx) + autodiff.product(right, dy))
        out: list = [0.0] * len(trace.values)
        for step in range(len(trace.partials) - 1, -1, -1):
            dx, dy, dxx, dxy, dyy = trace.partials[step]
            bar, dot = bars[first + step], out[first + step]
            left, right = program.left[step], program.right[step]
            x, y = dots[left], dots[right]
            binary = program.code[step] in autodiff.BINARY
            bent = autodiff.product(x, dxx) + (autodiff.product(y, dxy) if binary else 0.0)
            out[left] = out[left] + autodiff.product(dot, dx) + autodiff.product(bar, bent)
            if binary:
                bent = autodiff.product(x, dxy) + autodiff.product(y, dyy)
                out[right] = out[right] + autodiff.product(dot, dy) + autodiff.product(bar, bent)
    return out


def natural_hessian(
    law: Law, parameters: Mapping[str, float], columns: Mapping[str, Array]
) -> Array:
    """∂² log L / ∂ parameter ∂ parameter in natural parameters, (rows, parameters, parameters)."""
    theta, logged = law.program.inside(law.vector(parameters)), np.array(law.program.logged, float)
    trace = autodiff.forward(law.program, theta[None], law.program.bound(columns))
    scale = np.where(law.program.logged, law.vector(parameters), 1.0)
    # p = eᵗ: ∂²/∂p² = (∂²/∂t² - ∂/∂t) / p².
    bends = hessian(trace)[0] - autodiff.gradient(trace)[0][:, :, None] * np.diag(logged)
    return bends / scale[:, None] / scale
