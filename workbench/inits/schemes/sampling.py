"""Random numbers for schemes, on the generator's device and by methods that libraries share.

On the host large draws are filled by several threads, block by block: every block has a generator
of its own, seeded from the caller's, so the numbers do not depend on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.base.array import Array, namespace
from workbench.base.checks import refuse
from workbench.base.parallel import parallel_map

BLOCK = 1 << 20
# Numbers that a thread works on at once: few enough for its cache, and enough that threads seldom
# meet at the interpreter's lock.
CHUNK = 1 << 17
# Proposals beyond the expected need, so that a second round is rare.
SURPLUS = 1.02

# Called with a generator, the factor on what it draws, and the part of an array to fill.
Fill = Callable[[np.random.Generator, float, np.ndarray], None]


def uniforms(
    rng: Any, shape: tuple[int, ...], dtype: Any = "float32", half_width: float = 1.0
) -> Array:
    """Uniform numbers on [-half_width, half_width]."""
    if _large_on_host(rng, shape):
        single = _kind(dtype) is np.float32
        return _filled(rng, shape, dtype, half_width, _fill_whole if single else _fill_uniform)
    drawn = rng.random(shape, dtype=_kind(dtype))
    drawn *= 2
    drawn -= 1
    drawn *= half_width
    return drawn


def normals(
    rng: Any, shape: tuple[int, ...], dtype: Any = "float32", deviation: float = 1.0
) -> Array:
    """Normal numbers of mean zero and the given deviation.

    Large float32 draws on the host use Box and Muller's method, which vectorises; its
    largest number is 6.8 deviations, whose two-sided tail of 1e-11 no test of weights can detect.
    """
    if _large_on_host(rng, shape):
        single = _kind(dtype) is np.float32
        return _filled(rng, shape, dtype, deviation, _fill_box_muller if single else _fill_normal)
    drawn = rng.standard_normal(shape, dtype=_kind(dtype))
    drawn *= deviation
    return drawn


def truncated_normals(
    rng: Any, shape: tuple[int, ...], dtype: Any = "float32", bound: float = 2.0
) -> Array:
    """Standard normal numbers within [-bound, bound], by rejection.

    Their deviation is `truncated_deviation(bound)`, below one.

    Args:
        rng: a generator of any backend.
        shape: of the result.
        dtype: "float32" or "float64".
        bound: positive, in deviations of the untruncated normal.
    """
    if not bound > 0:
        refuse("bound", "positive", bound)
    rate = math.erf(bound / math.sqrt(2))

    def propose(count: int) -> tuple[Array, Array]:
        drawn = normals(rng, (count,), dtype)
        return drawn, namespace(drawn).abs(drawn) <= bound

    return accepted(propose, shape, rate)


def truncated_deviation(bound: float = 2.0) -> float:
    """The deviation of a standard normal truncated at ±bound.

    σ² = 1 - 2 b φ(b) / (2Φ(b) - 1)
    """
    density = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi)
    return math.sqrt(1 - 2 * bound * density / math.erf(bound / math.sqrt(2)))


def gammas(rng: Any, shape: tuple[int, ...], power: float, dtype: Any = "float64") -> Array:
    """Gamma numbers of unit scale, whose density goes with x^(power - 1) e^(-x); power ≥ 1.

    Source:
        Marsaglia & Tsang (2000), ACM Trans. Math. Softw. 26, 363: x = d(1 + cz)³ with d = a - 1/3,
        c = 1/√(9d), accepted when ln u < z²/2 + d - dv + d ln v, which is above 95 %.
    """
    if not 1 <= power < math.inf:
        refuse("power", "at least 1 and finite", power)
    d = power - 1 / 3
    c = 1 / math.sqrt(9 * d)

    def propose(count: int) -> tuple[Array, Array]:
        z, u = normals(rng, (count,), dtype), rng.random((count,), dtype=_kind(dtype))
        xp = namespace(z)
        root = 1 + c * z
        v = xp.where(root > 0, root, xp.ones_like(root)) ** 3
        # 1 - u is never zero, u may be.
        accept = xp.log1p(-u) < 0.5 * z * z + d - d * v + d * xp.log(v)
        return d * v, accept & (root > 0)

    return accepted(propose, shape, 0.95)


def accepted(
    propose: Callable[[int], tuple[Array, Array]], shape: tuple[int, ...], rate: float
) -> Array:
    """Accepted proposals in the order drawn, until the shape is full.

    Args:
        propose: returns a number of proposals, and whether each is accepted.
        shape: of the result.
        rate: share that is accepted, about.
    """
    count, have, parts = math.prod(shape), 0, []
    while have < count or not parts:
        drawn, accept = propose(math.ceil((count - have) / rate * SURPLUS) + 16)
        parts.append(drawn[accept])
        have += parts[-1].shape[0]
    xp = namespace(parts[0])
    whole = parts[0] if len(parts) == 1 else xp.concat(parts)
    return xp.reshape(whole[:count], shape)


def _kind(dtype: Any) -> type:
    """float32 or float64, which all generators support."""
    kind = np.dtype(dtype).type
    if kind not in (np.float32, np.float64):
        refuse("dtype", "'float32' or 'float64'", str(dtype))
    return kind


def _large_on_host(rng: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(rng, np.random.Generator) and math.prod(shape) >= CHUNK


def _filled(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, factor: float, fill: Fill
) -> np.ndarray:
    """An array whose blocks are each filled from a generator of their own."""
    out = np.empty(shape, dtype=_kind(dtype))
    flat, seed = out.reshape(-1), rng.integers(0, 2**63, size=2).tolist()

    def work(block: int) -> None:
        # Of NumPy's bit generators the one that is fastest without a jump to distant states.
        own = np.random.Generator(np.random.SFC64([*seed, block]))
        part = flat[block * BLOCK : (block + 1) * BLOCK]
        for start in range(0, part.size, CHUNK):
            fill(own, factor, part[start : start + CHUNK])

    blocks = range(math.ceil(flat.size / BLOCK))
    if len(blocks) == 1:
        work(0)
    else:
        parallel_map(work, blocks)
    return out


def _fill_uniform(rng: np.random.Generator, factor: float, out: np.ndarray) -> None:
    rng.random(dtype=out.dtype.type, out=out)
    out *= 2
    out -= 1
    out *= factor


def _fill_normal(rng: np.random.Generator, factor: float, out: np.ndarray) -> None:
    rng.standard_normal(dtype=out.dtype.type, out=out)
    out *= factor


def _fill_whole(rng: np.random.Generator, factor: float, out: np.ndarray) -> None:
    """Uniform numbers as whole numbers of 32 bits times a factor, twice as fast as by `random`."""
    _scaled(_bits(rng, out.size).view(np.int32), factor / 2**31, out)


def _fill_box_muller(rng: np.random.Generator, factor: float, out: np.ndarray) -> None:
    """Pairs √(-2 ln u) · (cos v, sin v) with v on [-π, π], the cosines before the sines."""
    half = (out.size + 1) // 2
    rest = out.size - half
    bits = _bits(rng, 2 * half)
    radius = _scaled(bits[:half], 2.0**-32)
    # Half a step above zero, which has no logarithm.
    radius += np.float32(2.0**-33)
    np.log(radius, out=radius)
    radius *= np.float32(-2 * factor**2)
    np.sqrt(radius, out=radius)
    angle = _scaled(bits[half:].view(np.int32), math.pi / 2**31)
    np.cos(angle, out=out[:half])
    out[:half] *= radius
    np.sin(angle[:rest], out=out[half:])
    out[half:] *= radius[:rest]


def _bits(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random integers of 32 bits."""
    return rng.integers(0, 2**64, size=(count + 1) // 2, dtype=np.uint64).view(np.uint32)[:count]


def _scaled(bits: np.ndarray, factor: float, out: np.ndarray | None = None) -> np.ndarray:
    return np.multiply(bits, np.float32(factor), out=out, dtype=np.float32, casting="unsafe")
