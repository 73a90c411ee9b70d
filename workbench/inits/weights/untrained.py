"""Whether a matrix is consistent with a draw from an initial distribution of a framework.

Each law is tested in six ways: up to 50,000 entries against its distribution function (Kolmogorov
and Smirnov) and against where it ends, the mean square of all against its variance, the sums of
all, of rows and of columns against zero, and the largest singular value against that of independent
entries. A matrix that passes under one law cannot be distinguished from a draw of it. A fresh one
fails in 1 of 10,000. Of n entries a relative change of their deviation by more than about 3/√n is
detected, and so is a direction that was added with a singular value of σ(√outputs + √inputs);
smaller changes by training may pass.

Source:
    Johnstone (2001), Ann. Statist. 29, 295, for the largest singular value; the laws are the
    defaults of torch 2, Keras 3, Flax, BERT and GPT-2, and the schemes of He, Glorot and LeCun.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from workbench.inits.schemes.fans import Fans, fans
from workbench.inits.schemes.sampling import truncated_deviation
from workbench.inits.weights.reading.layouts import CONV1D, Layout

# Share of fresh matrices that are rejected, over all tests.
LEVEL = 1e-4
TESTS = 6
# Entries below which the tests have too little power: for bounded laws, and for normal ones.
NEEDED = {"uniform": 100, "truncated normal": 250, "normal": 1000}
# Entries that are sorted, at most, and singular values for which there is a law of the largest.
SORTED, SPECTRAL = 50_000, 4
# Tracy and Widom's first law lies above it in about 1 of 40,000.
LARGEST = 5.0
KURTOSIS = {"uniform": 1.8, "normal": 3.0, "truncated normal": 2.3655}

Family = Literal["uniform", "normal", "truncated normal"]


class Law(NamedTuple):
    """A distribution of mean zero that weights are drawn from.

    Attributes:
        name: where it comes from.
        family: "truncated normal" is cut at two deviations of the normal that it comes from.
        deviation: of what is drawn.
    """

    name: str
    family: Family
    deviation: float


def initial_laws(
    name: str,
    shape: tuple[int, ...],
    layout: Layout,
    *,
    is_table: bool = False,
    units: int = 0,
    blocks: int = 0,
) -> list[Law]:
    """The laws that an array may have been drawn from.

    Args:
        name: which shows GPT-2's layers.
        shape: as stored.
        layout: of the file.
        is_table: whether it is looked up by row.
        units: of the recurrent layer that it belongs to; 0 for none.
        blocks: of a transformer, by whose number GPT-2 divides what is added to the stream.
    """
    fixed = [
        Law("normal of 0.02, BERT's and GPT-2's", "normal", 0.02),
        Law("truncated normal of 0.02", "truncated normal", 0.02 * truncated_deviation()),
        Law("normal of 0.01", "normal", 0.01),
    ]
    if blocks:
        fixed.append(Law("GPT-2's c_proj", "normal", 0.02 / math.sqrt(2 * blocks)))
    if is_table:
        return [
            Law("torch's Embedding", "normal", 1.0),
            Law("Keras's Embedding", "uniform", 0.05 / math.sqrt(3)),
            Law("Flax's Embed", "normal", 1 / math.sqrt(shape[-1])),
            *fixed,
        ]
    both = stored_fans(name, shape, layout)
    first = Law("torch's Linear and Conv", "uniform", 1 / math.sqrt(3 * both.fan_in))
    if units:  # their range depends on their units, not on the fan-in
        first = Law("torch's recurrent layers", "uniform", 1 / math.sqrt(3 * units))
    return [first, *_schemes(both, layout), *fixed]


def stored_fans(name: str, shape: tuple[int, ...], layout: Layout) -> Fans:
    """The fans of an array as its framework counts them: all channels, ignoring groups."""
    if layout == "torch" or (layout == "gpt2" and not CONV1D.search(name)):
        return fans(shape)
    return fans(shape, in_axis=-2, out_axis=-1)


def _schemes(both: Fans, layout: Layout) -> list[Law]:
    """Those of Keras and Flax cut their normals at two deviations, those of torch do not."""
    variances = {
        "Glorot": 2 / (both.fan_in + both.fan_out),
        "LeCun": 1 / both.fan_in,
        "He": 2 / both.fan_in,
        "He by fan-out": 2 / both.fan_out,
    }
    families: tuple[Family, ...] = ("uniform", "normal")
    families += ("truncated normal",) if layout in ("keras", "flax") else ()
    return [
        Law(f"{name} {family}", family, math.sqrt(v))
        for name, v in variances.items()
        for family in families
    ]


def as_drawn(
    matrix: Float[np.ndarray, "outputs inputs"],
    laws: Sequence[Law],
    values: Float[np.ndarray, " values"],
    bias: Float[np.ndarray, " units"] | None = None,
) -> str:
    """The name of the law that the matrix may still be a draw from; empty where there is none.

    Args:
        matrix: finite.
        laws: to test; the likeliest is named.
        values: its singular values, largest first.
        bias: what is added to its outputs, if anything is; a bias that moved is evidence of
            training.
    """
    laws = _by_bias(laws, bias, matrix.shape[1])
    if laws and len(values) > SPECTRAL and np.abs(values - 1).max() < 1e-4:
        return "orthogonal"
    some = matrix.reshape(-1)[:: -(-matrix.size // SORTED)]
    part, slack = np.sort(some.astype(np.float64)), _rounding(some)
    sums = [matrix.sum(axis=axis, dtype=np.float64) for axis in (0, 1)]
    square, largest = float((values**2).sum()) / matrix.size, float(values[0])
    chances = {}
    for law in laws:
        size = law.deviation
        # The quickest test first: most laws are rejected by the mean square alone.
        chance = _chance_of_square(square / size**2, matrix.size, law.family)
        if matrix.size < NEEDED[law.family] or chance < LEVEL / TESTS:
            continue
        if _excess(matrix.shape, largest / size) < LARGEST:
            others = _chance_of_sums(sums, size), _chance_of_shape(part / size, law.family, slack)
            chances[law.name] = min(chance, *others)
    best = max(chances, key=lambda name: chances[name], default="")
    return best if chances.get(best, 0.0) > LEVEL / TESTS else ""


def _by_bias(laws: Sequence[Law], bias: np.ndarray | None, fan_in: int) -> Sequence[Law]:
    """The laws consistent with a bias: zero, or one for forget gates, except in torch.

    There layers draw it from ±1/√fan-in, recurrent ones from the range of their weights.
    """
    if bias is None or np.isin(bias, (0, 1)).all():
        return laws
    torch = [law for law in laws if law.name.startswith("torch's")]
    largest = float(np.abs(bias).max()) / (1 + 2**-7)
    return [law for law in torch if largest <= max(math.sqrt(3) * law.deviation, fan_in**-0.5)]


def _chance_of_sums(sums: list[np.ndarray], deviation: float) -> float:
    """The p-value of the sums of all, of columns and of rows; by normal limits."""
    columns, rows = sums
    count = len(columns) * len(rows)
    mean = math.erfc(abs(float(rows.sum())) / deviation / math.sqrt(2 * count))
    both = [
        float(special.chdtrc(len(s), (s**2).sum() / (count / len(s) * deviation**2))) for s in sums
    ]
    return min(mean, *both)


def _chance_of_square(ratio: float, count: int, family: Family) -> float:
    """The p-value of the mean square; by the normal limit."""
    error = math.sqrt((KURTOSIS[family] - 1) / count)
    return math.erfc(abs(ratio - 1) / error / math.sqrt(2))


def _excess(shape: tuple[int, int], largest: float) -> float:
    """The square of the largest singular value, in deviations, centred and scaled by the law."""
    if min(shape) < SPECTRAL:
        return 0.0
    a, b = (math.sqrt(n - 0.5) for n in shape)
    scale = (a + b) * (1 / a + 1 / b) ** (1 / 3)
    return (largest**2 - (a + b) ** 2) / scale


def _chance_of_shape(ordered: Float[np.ndarray, " n"], family: Family, slack: float) -> float:
    """The p-value of Kolmogorov and Smirnov's test."""
    count = len(ordered)
    below = _below(ordered, family)
    steps = np.arange(count + 1) / count
    gap = max(float((steps[1:] - below).max()), float((below - steps[:-1]).max()))
    if family != "normal" and not _within(ordered, family, slack):
        return 0.0
    root = math.sqrt(count)
    return float(special.kolmogorov((root + 0.12 + 0.11 / root) * gap))


def _end(family: Family) -> float:
    """The largest size, in deviations of what is drawn."""
    return math.sqrt(3) if family == "uniform" else 2 / truncated_deviation()


def _rounding(values: np.ndarray) -> float:
    """The relative error that the numbers have by how they were stored: in 32 bits, or in 16."""
    with np.errstate(over="ignore"):  # what is too large for 32 bits is infinite there
        bits = values.astype(np.float32).view(np.uint32)
    return 1e-6 if (bits & 0x1FFF).any() else 2**-8


def _within(ordered: np.ndarray, family: Family, slack: float) -> bool:
    """Whether no entry lies outside the law, and a uniform one's largest is near its end."""
    reached = max(-ordered[0], ordered[-1]) / _end(family)
    least = (LEVEL / TESTS) ** (1 / len(ordered)) if family == "uniform" else 0.0
    return bool(least * (1 - slack) <= reached <= 1 + slack)


def _below(x: np.ndarray, family: Family) -> np.ndarray:
    """The share of the law below each x, in its deviations."""
    if family == "uniform":
        return np.clip((x / math.sqrt(3) + 1) / 2, 0, 1)
    if family == "normal":
        return special.ndtr(x)
    edge = special.ndtr(-2.0)
    return np.clip((special.ndtr(x * truncated_deviation()) - edge) / (1 - 2 * edge), 0, 1)


def transformer_blocks(names: list[str]) -> int:
    """How many blocks the names of GPT-2's layers count; 0 where there are none."""
    blocks = {re.split(r"[./](?:attn|mlp)[./]", n)[0] for n in names if CONV1D.search(n)}
    return len(blocks)
