"""Which axis of a stored array counts the outputs: four conventions, and a guess among them.

Source:
    The documentation of torch.nn.Linear and Conv2d, (outputs, inputs, *field); of Keras's and
    Flax's Dense and Conv, (*field, inputs, outputs); and GPT-2's Conv1D, (inputs, outputs).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np

from workbench.base.checks import refuse

Layout = Literal["torch", "keras", "flax", "gpt2"]
Shapes = Mapping[str, tuple[int, ...]]

LAYOUTS = ("torch", "keras", "flax", "gpt2")
# The last part of a name that Keras and Flax give to what multiplies.
KERNELS = re.compile(r"(^|[./])(recurrent_|depthwise_|pointwise_)?kernel(:\d+)?$")
FLAX = re.compile(r"^params[./]|(^|[./])(embedding|scale)$")
TORCH = re.compile(r"[.]weight(_[ih]h_l\d+(_reverse)?)?$")
# GPT-2's layers of (inputs, outputs), and the part of their name that torch's Linear has as well.
CONV1D = re.compile(r"(^|[./])(c_attn|c_proj|c_fc|q_attn)([./](weight|w))?$")
# Keras's and Flax's projections into heads, (inputs, heads, width).
INTO_HEADS = re.compile(r"(^|[./])(query|key|value)(_dense)?[./](kernel(:\d+)?|vars/0)$")
DEPTHWISE = re.compile(r"depthwise_?(kernel|conv)", re.I)
TRANSPOSED = re.compile(r"conv\dd_?transpose", re.I)
BIAS = re.compile(r"(^|[./_])bias(es)?(:\d+)?$")
# Largest side of a convolution's field that a shape alone can show.
FIELD = 15


class Guess(NamedTuple):
    """A layout and the evidence for it, in words that follow "guessed"."""

    layout: Layout
    why: str


def guess(shapes: Shapes, ending: str = "") -> Guess:
    """The layout of a file by the names of its arrays, else by shapes that fit one alone.

    Args:
        shapes: of all arrays by name, vectors included, in the file's order.
        ending: of the file's name; Keras alone writes `.keras` and `.h5`.
    """
    if ending in (".keras", ".h5", ".hdf5"):
        return Guess("keras", f"by the ending {ending}")
    kernels = [n for n in shapes if KERNELS.search(n)]
    if kernels:
        flax = any(FLAX.search(n) for n in shapes)
        return Guess("flax" if flax else "keras", f"by names such as {kernels[0]}")
    conv1d = {n: s[-2:] for n, s in shapes.items() if CONV1D.search(n) and len(s) in (2, 3)}
    wide = [n for n, (a, b) in conv1d.items() if re.search("c_attn|c_fc", n) and b > a]
    if wide:
        return Guess("gpt2", f"by {wide[0]} of shape {tuple(shapes[wide[0]])}")
    named = next((n for n, s in shapes.items() if len(s) > 1 and TORCH.search(n)), None)
    if named:
        return Guess("torch", f"by names such as {named}")
    votes = list(_votes(shapes))
    for layout in ("torch", "keras"):
        mine = [why for kind, why in votes if kind == layout]
        if len(mine) > len(votes) / 2:
            return Guess(layout, mine[0])
    return Guess("torch", "as there is no evidence for another")


def _votes(shapes: Shapes) -> Iterator[tuple[Layout, str]]:
    """The evidence of shapes: biases behind their weights, fields, and inputs that follow."""
    items = list(shapes.items())
    for (name, shape), (other, after) in zip(items, items[1:], strict=False):
        if len(shape) < 2 or len(after) != 1 or _folder(name) != _folder(other):
            continue
        if (after[0] == shape[0]) != (after[0] == shape[-1]):
            is_torch = after[0] == shape[0]
            yield ("torch" if is_torch else "keras"), f"by {other} beside {name} of {shape}"
    for name, shape in items:
        if len(shape) in (4, 5):
            field = len(shape) - 2
            first, last = (_is_field(s) for s in (shape[:field], shape[-field:]))
            if first != last:
                yield ("keras" if first else "torch"), f"by {name} of shape {shape}"
    matrices = [(n, s) for n, s in items if len(s) == 2 and s[0] != s[1]]
    for (name, (a, b)), (other, (c, d)) in zip(matrices, matrices[1:], strict=False):
        if (a == d) != (b == c):
            yield ("torch" if a == d else "keras"), f"by {other} behind {name} of {(a, b)}"


def _folder(name: str) -> str:
    return name[: max(name.rfind("."), name.rfind("/")) + 1]


def _is_field(sides: tuple[int, ...]) -> bool:
    return len(set(sides)) == 1 and 1 < sides[0] <= FIELD


def is_bias(name: str, shape: tuple[int, ...]) -> bool:
    """Whether an array of any rank is added and not multiplied, as the two rows of Keras's GRU."""
    gru = re.search(r"gru[\w/]*/vars/2$", name) is not None and shape[0] == 2
    return gru or BIAS.search(name) is not None


def as_matrix(name: str, value: np.ndarray, layout: Layout) -> np.ndarray:
    """The weights as (outputs, everything that an output sums).

    A depthwise kernel of Keras has an output for each of its channels, which sums the field alone.

    Args:
        name: which shows GPT-2's layers, heads and depthwise kernels.
        value: of rank 2 or more.
        layout: the convention.

    Raises:
        ValueError: if the rank is below 2.
    """
    if value.ndim < 2:
        refuse("value", "of rank 2 or more", value.shape)
    if layout == "torch" or (layout == "gpt2" and not CONV1D.search(name)):
        return value.reshape(value.shape[0], -1) if value.size else value.reshape(_flat(value))
    if INTO_HEADS.search(name) and value.ndim == 3:
        return value.reshape(value.shape[0], -1).T
    if DEPTHWISE.search(name) and value.ndim > 2 and layout != "gpt2":
        return value.reshape(math.prod(value.shape[:-2]), -1).T
    if TRANSPOSED.search(name) and value.ndim > 2 and layout == "keras":
        value = np.swapaxes(value, -1, -2)
    return value.reshape(math.prod(value.shape[:-1]), value.shape[-1]).T


def _flat(value: np.ndarray) -> tuple[int, int]:
    return value.shape[0], math.prod(value.shape[1:])


class Gate(NamedTuple):
    """The part of a recurrent layer's matrix that feeds one gate."""

    name: str
    rows: slice


GATES = {
    ("torch", 4): ("input", "forget", "cell", "output"),
    ("keras", 4): ("input", "forget", "cell", "output"),
    ("torch", 3): ("reset", "update", "new"),
    ("keras", 3): ("update", "reset", "new"),
}


def gates(name: str, shapes: Shapes, layout: Layout) -> tuple[int, list[Gate]]:
    """The units of a recurrent layer and its gates, by rows of its matrix (outputs, inputs).

    Torch has `weight_ih_l0` and `weight_hh_l0`, Keras `kernel` and `recurrent_kernel` (or `vars/0`
    and `vars/1` of a `cell`); the second has as many inputs as the layer has units. Zero units, and
    no gates, where the array belongs to no recurrent layer.
    """
    torch = re.search(r"weight_(ih|hh)(_l\d+(_reverse)?)?$", name)
    keras = re.search(r"(^|[./])(recurrent_)?kernel(:\d+)?$|cell/vars/[01]$", name)
    if torch:
        kind, own = "torch", name.replace("weight_ih", "weight_hh")
    elif keras and layout in ("keras", "flax"):
        kind, own = "keras", re.sub("vars/0$", "vars/1", name)
        own = re.sub(r"(^|[./])kernel(:\d+)?$", r"\1recurrent_kernel\2", own)
    else:
        return 0, []
    shape = shapes.get(own, ())
    if len(shape) != 2 or min(shape) < 1:
        return 0, []
    outputs, units = shape if kind == "torch" else shape[::-1]
    if torch and own.replace("weight_hh", "weight_hr") in shapes:
        units = outputs // 4  # a projection stands between the units and what they see again
    names = GATES.get((kind, outputs // units if outputs % units == 0 else 0), ())
    return units, [Gate(n, slice(k * units, (k + 1) * units)) for k, n in enumerate(names)]
