"""Which arrays are tables of vectors, looked up by row and never multiplied as a whole.

By use first: what has a bias multiplies, and a layer's outputs are the inputs of others while the
rows of a table are those of nothing. Where use is silent, the name and the shape decide.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections import Counter

from workbench.inits.weights.reading.layouts import KERNELS, Layout, Shapes, is_bias

# A matrix with at least MANY rows, TALL times its columns, is a table whatever its name.
MANY, TALL = 1000, 8
NAMED = re.compile(
    r"(\w*_)?(embed|embeds|embedding|embeddings|embedder|emb|wte|wpe|lookup)(_\w+|\d+)?"
    r"|shared|positions?|\w+_tokens?|relative_attention_bias"
)
# Parts of a name that multiply, though it may say "embed" as well.
MULTIPLIES = re.compile(
    r"proj|dense|linear|kernel|conv|patch|mlp|head|logit|classif|decoder|output"
)
# What the weights of a layer are called, behind the layer's own name.
OWN = re.compile(r"[./](weight|embeddings?|vars[./]\d+)$")


def lookup_tables(shapes: Shapes, layout: Layout, knob: str = "auto") -> set[str]:
    """The names of the tables.

    Args:
        shapes: of all arrays by name, vectors included, in the file's order.
        layout: of the file; a table is (rows, width) in all of them.
        knob: "auto", "none", or patterns of names between commas, as in `*embed*,wte.weight`.
    """
    matrices = {n: s for n, s in shapes.items() if len(s) >= 2 and not is_bias(n, s)}
    if knob == "none":
        return set()
    if knob != "auto":
        patterns = [p.strip() for p in knob.split(",")]
        return {n for n in matrices if any(fnmatch.fnmatchcase(n, p) for p in patterns)}
    return {n for n, s in matrices.items() if _is_table(n, s, layout, shapes)}


def _is_table(name: str, shape: tuple[int, ...], layout: Layout, shapes: Shapes) -> bool:
    flat = len(shape) == 2 or (len(shape) == 3 and shape[0] == 1)
    if not flat or KERNELS.search(name) or not math.prod(shape):
        return False
    rows, width = shape[-2:]
    if any(shapes.get(b) in ((rows,), (width,)) for b in biases(name)):
        return False
    last = re.split(r"[./]", OWN.sub("", re.sub(r":\d+$", "", name)))[-1].lower()
    if MULTIPLIES.search(last):
        return False
    uses = Counter(_taken(n, s, layout) for n, s in shapes.items() if n != name)
    if NAMED.fullmatch(last):
        # The outputs of an input layer called so are taken by others, what it takes is nobody's.
        return not (uses[rows] and not uses[width])
    # In the other layouts a tall matrix has many inputs, and what multiplies there is a kernel.
    tall = rows >= max(MANY, TALL * width) and layout in ("torch", "gpt2")
    return tall and not uses[rows] and list(shapes)[-1] != name


def biases(name: str) -> set[str]:
    """What the bias beside an array would be called."""
    pairs = (("weight", "bias"), ("kernel", "bias"), ("vars/0", "vars/1"), ("w", "b"), ("W", "b"))
    return {re.sub(rf"{a}(:\d+)?$", rf"{b}\1", name) for a, b in pairs} - {name}


def _taken(name: str, shape: tuple[int, ...], layout: Layout) -> int:
    """The size of what an array takes: a matrix its inputs, a normalisation's gain its own."""
    if len(shape) == 1:
        return 0 if is_bias(name, shape) else shape[0]
    if len(shape) < 2:
        return 0
    return shape[1] if layout == "torch" else shape[-2]
