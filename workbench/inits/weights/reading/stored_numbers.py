"""Numbers as weight files store them: short floats that NumPy lacks, and integers with a scale.

Source:
    Micikevicius et al. (2022), arXiv:2209.05433, for the two floats of eight bits;
    Dettmers et al. (2022), arXiv:2208.07339, for the rows' largest sizes (SCB) of int8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

# Bits of the exponent, its bias, and whether the format has no negative zero (NaN in its place).
EIGHT = {
    "float8_e4m3fn": (4, 7, False),
    "float8_e5m2": (5, 15, False),
    "float8_e4m3fnuz": (4, 8, True),
    "float8_e5m2fnuz": (5, 16, True),
}
PLAIN = ("float16", "float32", "float64", "float96", "float128", "bfloat16")
# Endings of the names of a scale, after the array's own name or in place of its last part.
SCALES = ("_scale", "_scale_inv", "_scales", ".scale", ".scales", "/scale", "/scales")
BESIDE = ("scale", "scales", "weight_scale", "weight_scale_inv", "w_scale", "SCB")
OFFSETS = ("zero_point", "zero_points", "weight_zero_point")


class Stored(NamedTuple):
    """One array of a file.

    Attributes:
        kind: of its numbers, as NumPy, torch or ml_dtypes name it.
        shape: as stored.
        read: gives its numbers; of a short float as float32, of an integer as they are.
        fault: why it cannot be read; empty where nothing is known against it.
        memory: what tied arrays have in common; None where none are tied.
    """

    kind: str
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]
    fault: str = ""
    memory: Any = None

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether its numbers are weights as they stand."""
        return self.kind in PLAIN or self.kind in EIGHT


def decoded(kind: str, raw: np.ndarray) -> np.ndarray:
    """float32 of bfloat16, given as 16-bit integers, or of an eight-bit float, given as bytes."""
    if kind == "bfloat16":  # the upper half of a float32
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return _table(kind)[raw]


def _table(kind: str) -> np.ndarray:
    """The values of all 256 codes."""
    exponent_bits, bias, one_zero = EIGHT[kind]
    mantissa_bits = 7 - exponent_bits
    code = np.arange(128)
    exponent, mantissa = code >> mantissa_bits, code & ((1 << mantissa_bits) - 1)
    fraction = mantissa / (1 << mantissa_bits) + (exponent > 0)
    half = np.ldexp(fraction, np.maximum(exponent, 1) - bias)
    if kind == "float8_e4m3fn":  # the last code alone is none of the numbers
        half[127] = np.nan
    elif kind == "float8_e5m2":  # as IEEE has it
        half[124], half[125:] = np.inf, np.nan
    both = np.concatenate([half, -half])
    if one_zero:
        both[128] = np.nan
    return both.astype(np.float32)


def with_scales(arrays: Mapping[str, Stored]) -> dict[str, Stored]:
    """The arrays, those of small integers or eight-bit floats times the scale beside them.

    `x.weight` goes with `x.weight_scale`, `x.weight_scale_inv`, `x.weight.scale`, `x.scale`,
    `x.scales` or `x.SCB`, and with `x.weight_zero_point` or `x.zero_point` where there is one:
    (number - zero point) · scale. What served as a scale is no array of its own any more.
    """
    scaled, used = {}, set()
    for name, array in arrays.items():
        if array.kind not in ("int8", "uint8") and array.kind not in EIGHT or not array.shape:
            continue
        scale = _beside(name, SCALES, BESIDE, arrays)
        offset = _beside(name, ("_zero_point", ".zero_point"), OFFSETS, arrays)
        if scale:
            used |= {scale, offset}
            scaled[name] = _product(array, scale, arrays[scale], arrays.get(offset or ""))
    return {n: scaled.get(n, array) for n, array in arrays.items() if n not in used}


def _beside(name: str, ends: tuple, names: tuple, arrays: Mapping[str, Stored]) -> str | None:
    """The first array by one of these names beside an array, of numbers that can scale it."""
    folder = name[: max(name.rfind("."), name.rfind("/")) + 1]
    candidates = [name + end for end in ends] + [folder + last for last in names if folder]
    return next((c for c in candidates if c in arrays and c != name), None)


def _product(array: Stored, name: str, scale: Stored, offset: Stored | None) -> Stored:
    def read() -> np.ndarray:
        codes, factor = array.read().astype(np.float32), scale.read().astype(np.float32)
        if offset is not None:
            codes -= _spread(offset.read().astype(np.float32), codes.shape)
        if name.endswith("SCB"):
            factor = factor / 127
        return codes * _spread(factor, codes.shape)

    return Stored(f"{array.kind} with a scale", array.shape, read, array.fault or scale.fault)


def _spread(scale: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A scale for all, one for each row, each column, or each block, in the shape of the numbers.

    Raises:
        ValueError: if the sizes fit none of them.
    """
    if scale.size == 1:
        return scale.reshape(())
    if scale.ndim == 1 and len(shape) > 1:  # of rows where both would fit, as all who write it do
        axis = 0 if scale.size == shape[0] else len(shape) - 1
        scale = scale.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    if scale.ndim != len(shape):
        raise ValueError(f"a scale of shape {scale.shape} for numbers of shape {shape}")
    for axis, (have, need) in enumerate(zip(scale.shape, shape, strict=True)):
        if have not in (1, need):
            # Blocks are powers of two and the last of them may be cut.
            sizes = [2**k for k in range(1, 16) if -(-need // 2**k) == have]
            if not sizes:
                raise ValueError(f"a scale of shape {scale.shape} for numbers of shape {shape}")
            scale = np.repeat(scale, sizes[-1], axis=axis).take(range(need), axis=axis)
    return scale
