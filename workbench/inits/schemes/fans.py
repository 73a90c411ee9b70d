"""The fans of a weight array: numbers that a unit sums, and units that a number reaches."""

from __future__ import annotations

import math
from typing import NamedTuple

from workbench.base.checks import refuse

Axes = int | tuple[int, ...]


class Fans(NamedTuple):
    """Weights that meet in one output, and weights that one input feeds, on average."""

    fan_in: float
    fan_out: float


def fans(
    shape: tuple[int, ...],
    in_axis: Axes = 1,
    out_axis: Axes = 0,
    batch_axis: Axes = (),
    groups: int = 1,
    spans: str = "out",
    stride: int = 1,
) -> Fans:
    """The fans of dense, convolution, grouped, depthwise and transposed weights.

    A plain layer: fan_in = inputs · receptive field, fan_out = outputs · receptive field. In a
    grouped one each output meets, and each input feeds, the channels of its own group alone. With a
    stride s per axis, each input of a convolution reaches 1/s of the places along that axis, and
    each output of a transposed one meets 1/s of them.

    Args:
        shape: of the weights; the default axes read PyTorch's layout (outputs, inputs, *field).
        in_axis: the axis of inputs, or several; 0 for PyTorch's transposed convolution.
        out_axis: the axis of outputs, or several; 1 for PyTorch's transposed convolution.
        batch_axis: axes along which whole layers are stacked.
        groups: groups of channels without connections between them.
        spans: the axis that holds the channels of all groups: "out" for a convolution, "in" for
            a transposed one and for Keras's depthwise kernel (field, field, inputs, multiplier).
            Under "in" the stride divides the fan-in, under "out" the fan-out.
        stride: of the field, product over its axes.

    Raises:
        ValueError: if the rank is too low, an axis is missing or named twice, a fan would be zero,
            or the groups do not divide their channels.

    Source:
        Departure from torch.nn.init, which takes the outputs of all groups for the fan-out and
        ignores strides: the counts here are those of the weights in each sum.
    """
    inside, outside, beside = _checked_axes(shape, in_axis, out_axis, batch_axis)
    if any(n < 1 for n in shape):
        refuse("shape", "of positive sizes, without which a fan is zero", tuple(shape))
    used = {*inside, *outside, *beside}
    field = math.prod(n for axis, n in enumerate(shape) if axis not in used)
    inputs, outputs = (math.prod(shape[a] for a in axes) for axes in (inside, outside))
    if spans not in ("in", "out"):
        refuse("spans", "'in' or 'out'", spans)
    spanning = outputs if spans == "out" else inputs
    if groups < 1 or spanning % groups:
        refuse("groups", f"a divisor of the {spanning} channels that span them", groups)
    if stride < 1:
        refuse("stride", "at least 1", stride)
    if spans == "out":
        return Fans(float(inputs * field), outputs * field / (groups * stride))
    return Fans(inputs * field / (groups * stride), float(outputs * field))


def as_matrix(
    rank: int, in_axis: Axes = 1, out_axis: Axes = 0, batch_axis: Axes = ()
) -> tuple[int, ...]:
    """The axes in the order batch, outputs, inputs, field; a transposition brings weights there."""
    axes = (_tuple(a, rank) for a in (batch_axis, out_axis, in_axis))
    first = [axis for group in axes for axis in group]
    return (*first, *(a for a in range(rank) if a not in first))


def _checked_axes(
    shape: tuple[int, ...], in_axis: Axes, out_axis: Axes, batch_axis: Axes
) -> tuple[tuple[int, ...], ...]:
    rank = len(shape)
    if rank < 2:
        refuse("shape", "of rank 2 or more, outputs and inputs among the axes", tuple(shape))
    groups = tuple(_tuple(a, rank) for a in (in_axis, out_axis, batch_axis))
    used = [axis for group in groups for axis in group]
    if len(set(used)) < len(used) or not groups[0] or not groups[1]:
        refuse("in_axis, out_axis, batch_axis", "different axes", (in_axis, out_axis, batch_axis))
    return groups


def _tuple(axes: Axes, rank: int) -> tuple[int, ...]:
    """The axes as numbers from zero."""
    several = (axes,) if isinstance(axes, int) else tuple(axes)
    for axis in several:
        if not -rank <= axis < rank:
            refuse("in_axis, out_axis, batch_axis", f"axes of a shape of rank {rank}", axis)
    return tuple(axis % rank for axis in several)
