"""The operations of a tape and the costs of a residual, compiled: one number at a time.

Written independently of `laws.operations` and `fit.losses`, which work on arrays, so that each
tests the other.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numba

from workbench.scaling.fit.losses import ABSOLUTE, ASYMMETRIC, SQUARED, STUDENT
from workbench.scaling.laws.operations import ADD, DIV, EXP, LOG, LOGADDEXP, MINIMUM, MUL, NEG, SUB


@numba.njit(error_model="numpy", cache=True, inline="always")
@no_type_check
def softplus(u):
    """Log (1 + eᵘ)."""
    return max(u, 0.0) + math.log1p(math.exp(-abs(u)))


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def root(v, alpha):
    """The u with α log (1 + eᵘ) - log (1 + e⁻ᵘ) = v; see `laws.operations`."""
    low = min(v - alpha * math.log(2.0), 0.0) - 1.0
    high = max((v + math.log(2.0)) / max(alpha, 1e-300), 0.0) + 1.0
    u = min(max(v if v < 0 else v / max(alpha, 1e-300), low), high)
    for _ in range(200):
        excess = alpha * softplus(u) - softplus(-u) - v
        if excess > 0:
            high = u
        else:
            low = u
        s = 1.0 / (1.0 + math.exp(-u)) if u > -700 else 0.0
        moved = u - excess / ((1.0 - s) + alpha * s)
        if not (low < moved < high):
            moved = 0.5 * (low + high)
        done = abs(moved - u) <= 4e-16 * max(1.0, abs(u))
        u = moved
        if done:
            break
    return u


@numba.njit(error_model="numpy", cache=True)
@no_type_check
def share(v, a):
    """Value and partial derivatives of log s(v, α); see `laws.operations`."""
    if not (math.isfinite(v) and math.isfinite(a)):
        return math.nan, 0.0, 0.0, 0.0, 0.0, 0.0
    u = root(v, a)
    s, r = math.exp(-softplus(-u)), math.exp(-softplus(u))
    slope, plus = r + a * s, softplus(u)
    uv, ua, bend = 1.0 / slope, -plus / slope, (a - 1.0) * s * r
    uvv = -bend * uv * uv / slope
    uva = -(bend * uv * ua + s * uv) / slope
    uaa = -(bend * ua * ua + 2.0 * s * ua) / slope
    c = -s * r
    return (
        -softplus(-u), r * uv, r * ua,
        r * uvv + c * uv * uv, r * uva + c * uv * ua, r * uaa + c * ua * ua,
    )  # fmt: skip


@numba.njit(error_model="numpy", cache=True, inline="always")
@no_type_check
def partials(code, x, y):
    """Value, ∂x, ∂y, ∂xx, ∂xy, ∂yy of one operation."""
    if code == ADD:
        return x + y, 1.0, 1.0, 0.0, 0.0, 0.0
    if code == SUB:
        return x - y, 1.0, -1.0, 0.0, 0.0, 0.0
    if code == MUL:
        return x * y, y, x, 0.0, 1.0, 0.0
    if code == LOGADDEXP:
        if x == y:
            return x + math.log(2.0), 0.5, 0.5, 0.25, -0.25, 0.25
        t = math.exp(-abs(x - y))
        p = 1.0 / (1.0 + t)
        q = t * p
        c = p * q
        if x > y:
            return x + math.log1p(t), p, q, c, -c, c
        return y + math.log1p(t), q, p, c, -c, c
    if code == EXP:
        e = math.exp(x) if x < 709.0 else math.inf
        return e, e, 0.0, e, 0.0, 0.0
    if code == DIV:
        if y == 0.0:
            return math.nan, 0.0, 0.0, 0.0, 0.0, 0.0
        v = x / y
        return v, 1.0 / y, -v / y, 0.0, -1.0 / (y * y), 2.0 * v / (y * y)
    if code == NEG:
        return -x, -1.0, 0.0, 0.0, 0.0, 0.0
    if code == LOG:
        if not x > 0.0:
            return math.nan, 0.0, 0.0, 0.0, 0.0, 0.0
        return math.log(x), 1.0 / x, 0.0, -1.0 / (x * x), 0.0, 0.0
    if code == MINIMUM:
        return (x, 1.0, 0.0, 0.0, 0.0, 0.0) if x <= y else (y, 0.0, 1.0, 0.0, 0.0, 0.0)
    return share(x, y)


@numba.njit(error_model="numpy", cache=True, inline="always")
@no_type_check
def cost(code, r, delta, shape):
    """ρ, ψ, ρ'' and ψ / r of one residual."""
    if code == SQUARED:
        return 0.5 * r * r, r, 1.0, 1.0
    if code == STUDENT:
        z = (r / delta) ** 2
        w = (shape + 1.0) / (shape + z)
        value = delta * delta * (shape + 1.0) / 2.0 * math.log1p(z / shape)
        return value, w * r, w * (shape - z) / (shape + z), w
    scale = 1.0
    if code == ASYMMETRIC and r > 0.0:
        scale = shape
    if code == ABSOLUTE:
        scale = 1.0 / delta
    size = abs(r)
    if size <= delta:
        return scale * 0.5 * r * r, scale * r, scale, scale
    w = scale * delta / size
    return scale * delta * (size - 0.5 * delta), w * r, 0.0, w
