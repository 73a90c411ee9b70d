"""The operations of a tape: value, first and second partial derivatives."""

from __future__ import annotations

import numpy as np

from workbench.base.array import Array

NAMES = ("add", "sub", "mul", "div", "neg", "exp", "log", "logaddexp", "minimum", "share")
ADD, SUB, MUL, DIV, NEG, EXP, LOG, LOGADDEXP, MINIMUM, SHARE = range(len(NAMES))


def partials(code: int, x: Array, y: Array) -> tuple:
    """Value, ∂x, ∂y, ∂xx, ∂xy, ∂yy of an operation on arrays; scalars stand for constant ones."""
    if code == ADD:
        return x + y, 1.0, 1.0, 0.0, 0.0, 0.0
    if code == SUB:
        return x - y, 1.0, -1.0, 0.0, 0.0, 0.0
    if code == MUL:
        return x * y, y, x, 0.0, 1.0, 0.0
    if code == DIV:
        value = x / y
        return value, 1 / y, -value / y, 0.0, -1 / y**2, 2 * value / y**2
    if code == NEG:
        return -x, -1.0, 0.0, 0.0, 0.0, 0.0
    if code == EXP:
        value = np.exp(x)
        return value, value, 0.0, value, 0.0, 0.0
    if code == LOG:
        return np.log(x), 1 / x, 0.0, -1 / x**2, 0.0, 0.0
    if code == LOGADDEXP:
        return _logaddexp(x, y)
    if code == MINIMUM:
        first = np.where(x <= y, 1.0, 0.0)
        return np.minimum(x, y), first, 1 - first, 0.0, 0.0, 0.0
    return _share(x, y)


def value(code: int, x: Array, y: Array) -> Array:
    """The value alone, equal to that of `partials` to the last digit."""
    if code == DIV:
        return x / y
    if code == LOG:
        return np.log(x)
    if code == LOGADDEXP:
        return np.maximum(x, y) + np.log1p(_smaller(x, y))
    if code == MINIMUM:
        return np.minimum(x, y)
    if code == SHARE:
        return -np.logaddexp(
            0, -_root(*np.broadcast_arrays(*(np.asarray(z, float) for z in (x, y))))
        )
    # Sums, products and exponentials compute their slopes at no cost.
    return partials(code, x, y)[0]


def _smaller(x: Array, y: Array) -> Array:
    """The smaller of eˣ and eʸ over the larger; one where both are the same infinity."""
    return np.exp(-np.abs(np.where(x == y, 0.0, x - y)))


def _logaddexp(x: Array, y: Array) -> tuple:
    """Log (eˣ + eʸ); the shares p, 1 - p are each computed without cancellation."""
    small = _smaller(x, y)
    less, more = small / (1 + small), 1 / (1 + small)
    p, q = np.where(x >= y, more, less), np.where(x >= y, less, more)
    value = np.maximum(x, y) + np.log1p(small)
    return value, p, q, p * q, -p * q, p * q


def _share(v: Array, alpha: Array) -> tuple:
    """Log s where log s - α log (1 - s) = v, the implicit part of the law M4.

    With s = 1 / (1 + e⁻ᵘ): h(u) = α log (1 + eᵘ) - log (1 + e⁻ᵘ) = v, increasing for α > 0.
    Newton's steps stay within a bracket.
    """
    u = _root(*np.broadcast_arrays(np.asarray(v, float), np.asarray(alpha, float)))
    s, r = _sigmoid(u), _sigmoid(-u)
    slope = r + alpha * s
    plus = np.logaddexp(0, u)
    # u(v, α) by implicit differentiation; then log s = -log (1 + e⁻ᵘ) has slope r, curvature -s r.
    uv, ua = 1 / slope, -plus / slope
    bend = (alpha - 1) * s * r
    uvv = -bend * uv * uv / slope
    uva = -(bend * uv * ua + s * uv) / slope
    uaa = -(bend * ua * ua + 2 * s * ua) / slope
    return (
        -np.logaddexp(0, -u),
        r * uv,
        r * ua,
        r * uvv - s * r * uv * uv,
        r * uva - s * r * uv * ua,
        r * uaa - s * r * ua * ua,
    )


def _sigmoid(u: Array) -> Array:
    return np.exp(-np.logaddexp(0, -u))


def _root(v: Array, alpha: Array) -> Array:
    """The u with α log (1 + eᵘ) - log (1 + e⁻ᵘ) = v.

    h is below u for u ≤ 0 plus α log 2 and above α u - log 2 for u ≥ 0, which brackets the root.
    """
    low = np.minimum(v - alpha * np.log(2), 0.0) - 1.0
    high = np.maximum((v + np.log(2)) / np.maximum(alpha, 1e-300), 0.0) + 1.0
    u = np.clip(np.where(v < 0, v, v / np.maximum(alpha, 1e-300)), low, high)
    for _ in range(200):
        excess = alpha * np.logaddexp(0, u) - np.logaddexp(0, -u) - v
        high, low = np.where(excess > 0, u, high), np.where(excess > 0, low, u)
        slope = _sigmoid(-u) + alpha * _sigmoid(u)
        step = u - excess / slope
        inner = (step > low) & (step < high)
        moved = np.where(inner, step, (low + high) / 2)
        done = np.abs(moved - u) <= 4e-16 * np.maximum(1.0, np.abs(u))
        u = moved
        if np.all(done | ~np.isfinite(v)):
            break
    return u
