"""A program run on arrays: the logarithm of the loss and its gradient.

The plain version of what `solvers.cpu` does point by point; many fits at once along the first
axis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.scaling.laws import operations
from workbench.scaling.laws.tape import Program


class Trace(NamedTuple):
    """A forward pass: values of all slots, partial derivatives of all steps, (fits, points)."""

    program: Program
    values: list
    partials: list

    @property
    def log_loss(self) -> Array:
        """Log L at every point."""
        return self.values[-1]


def forward(program: Program, theta: np.ndarray, data: np.ndarray) -> Trace:
    """The values at slots `theta`, (fits, parameters), on data (data, points).

    A logarithm of what is not positive comes out as NaN; callers treat it as out of bounds.
    """
    values: list = [theta[:, p, None] for p in range(len(program.parameters))]
    values += [row[None, :] for row in data]
    partials = []
    with np.errstate(all="ignore"):
        for code, left, right in zip(program.code, program.left, program.right, strict=True):
            value, *slopes = operations.partials(int(code), values[left], values[right])
            values.append(value)
            partials.append(slopes)
    shape = (theta.shape[0], data.shape[1]) if len(data) else values[-1].shape
    values[-1] = np.broadcast_to(values[-1], shape)
    return Trace(program, values, partials)


def log_loss(program: Program, theta: np.ndarray, data: np.ndarray) -> Array:
    """Log L as `forward` has it, (fits, points), without derivatives, which take longer."""
    values: list = [theta[:, p, None] for p in range(len(program.parameters))]
    values += [row[None, :] for row in data]
    with np.errstate(all="ignore"):
        for code, left, right in zip(program.code, program.left, program.right, strict=True):
            values.append(operations.value(int(code), values[left], values[right]))
    shape = (theta.shape[0], data.shape[1]) if len(data) else values[-1].shape
    return np.broadcast_to(values[-1], shape)


def reverse(trace: Trace) -> list:
    """The derivative of log L with respect to every slot."""
    first = len(trace.values) - len(trace.partials)
    bars: list = [0.0] * len(trace.values)
    bars[-1] = 1.0
    program = trace.program
    with np.errstate(all="ignore"):
        for step in range(len(trace.partials) - 1, -1, -1):
            bar, (dx, dy, *_) = bars[first + step], trace.partials[step]
            bars[program.left[step]] = bars[program.left[step]] + product(bar, dx)
            if program.right[step] != program.left[step] or program.code[step] in BINARY:
                bars[program.right[step]] = bars[program.right[step]] + product(bar, dy)
    return bars


def gradient(trace: Trace) -> np.ndarray:
    """∂ log L / ∂ slot, (fits, points, parameters)."""
    return stacked(trace, reverse(trace))


BINARY = {
    operations.ADD,
    operations.SUB,
    operations.MUL,
    operations.DIV,
    operations.LOGADDEXP,
    operations.MINIMUM,
    operations.SHARE,
}


def product(a: Array, b: Array) -> Array:
    """A b with 0 · ∞ = 0: a path of zero weight adds nothing, even with an infinite slope."""
    if (isinstance(a, float) and a == 0) or (isinstance(b, float) and b == 0):
        return 0.0
    product = a * b
    return np.where((a == 0) | (b == 0), 0.0, product)


def stacked(trace: Trace, slots: list) -> np.ndarray:
    """Numbers of the parameters' slots as one array, (fits, points, parameters)."""
    shape = trace.log_loss.shape
    width = len(trace.program.parameters)
    return np.stack([np.broadcast_to(s, shape) for s in slots[:width]], axis=-1)
