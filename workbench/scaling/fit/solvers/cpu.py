"""Many fits at once on the processor: one fit a thread at a time, each to its own minimum."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

from workbench.scaling.fit.solvers import cpu_chinchilla as joint
from workbench.scaling.fit.solvers import cpu_tape as tape


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def damped(matrix, gauss, gradient, free, damping, factor, step):
    """Solves (M + λ diag G) step = -gradient over the free parameters; False if not positive."""
    width = gradient.shape[0]
    for p in range(width):
        for q in range(p + 1):
            factor[p, q] = matrix[p, q] if free[p] and free[q] else 0.0
        factor[p, p] = factor[p, p] + damping * gauss[p, p] + 1e-300 if free[p] else 1.0
    for p in range(width):
        for q in range(p + 1):
            total = factor[p, q]
            for k in range(q):
                total -= factor[p, k] * factor[q, k]
            if p == q:
                # A pivot of rounding errors gives no reliable direction.
                if not total > 1e-15 * abs(factor[p, p]):
                    return False
                factor[p, p] = math.sqrt(total)
            else:
                factor[p, q] = total / factor[q, q]
    for p in range(width):
        total = -gradient[p] if free[p] else 0.0
        for k in range(p):
            total -= factor[p, k] * step[k]
        step[p] = total / factor[p, p]
    for p in range(width - 1, -1, -1):
        total = step[p]
        for k in range(p + 1, width):
            total -= factor[k, p] * step[k]
        step[p] = total / factor[p, p]
    return True


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def descend(fast, program, data, y, w, theta, low, high, loss, schedule, shape, settings, work):
    """Takes θ to the minimum of the last delta; returns objective, iterations, decrement."""
    code, left, right, constant, needs = program
    first, easier, harder, stiff, flat, rough, sure, most = settings
    slots, d, bars, dots, outs, pull, gradient, gauss, newton, factor, step, trial = work
    width = theta.shape[0]
    free = np.ones(width, np.bool_)
    spent, value, decrement = 0, np.inf, np.inf
    for level in range(schedule.shape[0]):
        delta, last = schedule[level], level == schedule.shape[0] - 1
        tolerance = flat if last else rough
        damping, calm, exact, fresh = first, 0, sure > 0 or level > 0, True
        if fast:
            value = joint.objective(theta, data[0], data[1], y, w, loss, delta, shape, slots)
        else:
            tape.forward(code, left, right, constant, theta, slots, d)
            value = tape.objective(slots[-1], y, w, loss, delta, shape)
        if not math.isfinite(value):
            return value, spent, np.inf
        for _ in range(int(most)):
            if fresh:
                if fast:
                    joint.moments(
                        data[0], data[1], w, loss, delta, shape, slots, gradient, gauss, newton
                    )
                else:
                    tape.slopes(code, left, right, constant, slots, d)
                    tape.adjoints(code, left, right, d, bars)
                    tape.moments(
                        slots[-1], bars, y, w, loss, delta, shape, pull, gradient, gauss, newton
                    )
                    if exact:
                        tape.curvature(code, left, right, needs, d, bars, dots, outs, pull, newton)
                for p in range(width):
                    blocked = (theta[p] <= low[p] and gradient[p] > 0) or (
                        theta[p] >= high[p] and gradient[p] < 0
                    )
                    free[p] = not blocked and low[p] < high[p] and gauss[p, p] > 0
            spent += 1
            good = exact and damped(newton, gauss, gradient, free, damping, factor, step)
            if not good and not damped(gauss, gauss, gradient, free, damping, factor, step):
                damping = max(damping, 1e-12) * harder
                fresh = False
                if damping > stiff:
                    break
                continue
            decrement = 0.0
            for p in range(width):
                decrement -= step[p] * gradient[p]
                trial[p] = min(max(theta[p] + step[p], low[p]), high[p])
            if fast:
                moved = joint.objective(trial, data[0], data[1], y, w, loss, delta, shape, slots)
            else:
                tape.forward(code, left, right, constant, trial, slots, d)
                moved = tape.objective(slots[-1], y, w, loss, delta, shape)
            fresh = moved <= value
            if not fresh:
                damping = max(damping, 1e-9) * harder
                if damping > stiff or decrement <= 1e-16 * value:
                    break
                continue
            fall = value - moved
            value = moved
            theta[:] = trial
            damping = damping / easier if damping > 1e-12 else 0.0
            calm = calm + 1 if fall <= tolerance * value else 0
            exact = sure > 0 or level > 0 or fall <= 0.3 * value
            if calm >= (2 if last else 1) or value == 0.0:
                break
    return value, spent, decrement / max(value, 1e-300)


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def fit_one(fast, program, data, y, w, theta, low, high, loss, schedule, shape, settings):
    """Gathers the points of weight and descends."""
    used = np.flatnonzero(w)
    n, width, steps = used.shape[0], theta.shape[0], program[0].shape[0]
    rows, here, weight = np.empty((data.shape[0], n)), np.empty(n), np.empty(n)
    for i in range(n):
        here[i], weight[i] = y[used[i]], w[used[i]]
        for row in range(data.shape[0]):
            rows[row, i] = data[row, used[i]]
    size = 0 if fast else width + data.shape[0] + steps
    slots = np.empty((4 if fast else size, n))
    for row in range(0 if fast else data.shape[0]):
        slots[width + row] = rows[row]
    work = (
        slots, np.empty((0 if fast else steps, 5, n)), np.empty((size, n)), np.empty((size, n)),
        np.empty((size, n)), np.empty(n), np.empty(width), np.empty((width, width)),
        np.empty((width, width)), np.empty((width, width)), np.empty(width), np.empty(width),
    )  # fmt: skip
    return descend(
        fast, program, rows, here, weight, theta, low, high, loss, schedule, shape, settings, work
    )


@numba.njit(error_model="numpy", cache=True, parallel=True, nogil=True)
@no_type_check
def fit_all(
    fast, program, data, y, weights, places, theta, low, high, loss, schedule, shape, settings, out
):
    """Every fit: its points [start, stop) and its row of weights in `places`; θ moves in place."""
    for f in numba.prange(theta.shape[0]):
        start, stop, row = places[f, 0], places[f, 1], places[f, 2]
        out[f, 0], out[f, 1], out[f, 2] = fit_one(
            fast, program, data[:, start:stop], y[start:stop], weights[row, start:stop],
            theta[f], low, high, loss, schedule, shape, settings,
        )  # fmt: skip
