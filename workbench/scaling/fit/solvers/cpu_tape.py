"""A program run over the points of one fit, compiled: objective, gradient, two curvature matrices.

Each step is a loop over points, so that interpreting the program costs once a step, not once a
point. The two matrices are Gauss-Newton's with reweighting, Σ w (ψ/r) J Jᵀ, and the exact Hessian,
Σ w (ρ'' J Jᵀ + ψ ∇² log L).
"""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

from workbench.scaling.fit.solvers.cpu_operations import cost, partials
from workbench.scaling.laws.operations import ADD, MUL, SUB


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def forward(code, left, right, constant, theta, slots, d):
    """Fills the slots after the parameters and the data, and the partial derivatives d."""
    width, n = theta.shape[0], slots.shape[1]
    first = slots.shape[0] - code.shape[0]
    for p in range(width):
        slots[p, :] = theta[p]
    for step in range(code.shape[0]):
        op, x, y, out = code[step], slots[left[step]], slots[right[step]], slots[first + step]
        if constant[step]:
            v = partials(op, x[0], y[0])
            out[:] = v[0]
            for k in range(5):
                d[step, k, :] = v[k + 1]
        elif op == ADD:
            for i in range(n):
                out[i] = x[i] + y[i]
        elif op == SUB:
            for i in range(n):
                out[i] = x[i] - y[i]
        elif op == MUL:
            for i in range(n):
                out[i] = x[i] * y[i]
        else:
            for i in range(n):
                v = partials(op, x[i], y[i])
                out[i] = v[0]
                d[step, 0, i], d[step, 1, i] = v[1], v[2]
                d[step, 2, i], d[step, 3, i], d[step, 4, i] = v[3], v[4], v[5]


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def slopes(code, left, right, constant, slots, d):
    """Completes the partial derivatives that `forward` leaves to an accepted point."""
    for step in range(code.shape[0]):
        if constant[step]:
            continue
        if code[step] == ADD or code[step] == SUB:
            d[step, 0, :] = 1.0
            d[step, 1, :] = 1.0 if code[step] == ADD else -1.0
            d[step, 2:, :] = 0.0
        elif code[step] == MUL:
            d[step, 0, :] = slots[right[step]]
            d[step, 1, :] = slots[left[step]]
            d[step, 2, :], d[step, 3, :], d[step, 4, :] = 0.0, 1.0, 0.0


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def adjoints(code, left, right, d, bars):
    """The derivative of the last slot with respect to every slot."""
    first, n = bars.shape[0] - code.shape[0], bars.shape[1]
    bars[:] = 0.0
    bars[-1, :] = 1.0
    for step in range(code.shape[0] - 1, -1, -1):
        bar, x, y = bars[first + step], bars[left[step]], bars[right[step]]
        for i in range(n):
            # A path of zero weight adds nothing, even with an infinite slope.
            if bar[i] != 0.0:
                x[i] += bar[i] * d[step, 0, i]
                y[i] += bar[i] * d[step, 1, i]


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def curvature(code, left, right, needs, d, bars, dots, outs, pull, matrix):
    """Adds Σ pull ∂² last / ∂θ ∂θ to the matrix: forward over reverse, one parameter at a time."""
    width, n = matrix.shape[0], bars.shape[1]
    first = bars.shape[0] - code.shape[0]
    for p in range(width):
        dots[:first] = 0.0
        dots[p, :] = 1.0
        for step in range(code.shape[0]):
            x, y, out = dots[left[step]], dots[right[step]], dots[first + step]
            if needs[step, p]:
                for i in range(n):
                    out[i] = x[i] * d[step, 0, i] + y[i] * d[step, 1, i]
            else:
                out[:] = 0.0
        outs[:] = 0.0
        for step in range(code.shape[0] - 1, -1, -1):
            out, bar = outs[first + step], bars[first + step]
            x, y = dots[left[step]], dots[right[step]]
            u, v = outs[left[step]], outs[right[step]]
            bent = code[step] > SUB and needs[step, p]
            for i in range(n):
                u[i] += out[i] * d[step, 0, i]
                v[i] += out[i] * d[step, 1, i]
            if bent:
                for i in range(n):
                    if bar[i] != 0.0:
                        u[i] += bar[i] * (x[i] * d[step, 2, i] + y[i] * d[step, 3, i])
                        v[i] += bar[i] * (x[i] * d[step, 3, i] + y[i] * d[step, 4, i])
        for q in range(width):
            total = 0.0
            for i in range(n):
                total += pull[i] * outs[q, i]
            matrix[p, q] += total


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def objective(last, y, w, loss, delta, shape):
    """Σ w ρ(r); infinite where the loss has no logarithm."""
    total = 0.0
    for i in range(y.shape[0]):
        total += w[i] * cost(loss, last[i] - y[i], delta, shape)[0]
    return total if np.isfinite(total) else np.inf


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def moments(last, bars, y, w, loss, delta, shape, pull, gradient, gauss, newton):
    """Gradient and the parts of both matrices that first derivatives make; the pulls w ψ."""
    width = gradient.shape[0]
    gradient[:], gauss[:], newton[:] = 0.0, 0.0, 0.0
    for i in range(y.shape[0]):
        _, psi, bend, reweighting = cost(loss, last[i] - y[i], delta, shape)
        pull[i] = w[i] * psi
        for p in range(width):
            slope = bars[p, i]
            gradient[p] += pull[i] * slope
            for q in range(p + 1):
                product = w[i] * slope * bars[q, i]
                gauss[p, q] += reweighting * product
                newton[p, q] += bend * product
    for p in range(width):
        for q in range(p):
            gauss[q, p], newton[q, p] = gauss[p, q], newton[p, q]
