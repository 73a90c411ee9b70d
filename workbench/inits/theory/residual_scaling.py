"""Factors on the weights of residual branches, so that a sum over many branches is bounded.

Source:
    See each function. All are closed formulas of the numbers of branches and layers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from workbench.base.checks import refuse, whole


class DeepNorm(NamedTuple):
    """The factor α on the skip connection and β on the branch's value, output and MLP weights."""

    alpha: float
    beta: float


def depth_scaled(blocks: int, branches: int = 2) -> float:
    """1/√(branches · blocks), the factor on the last weights of each branch.

    The sum of L branches of unit variance then has variance one: x + Σ fᵢ/√L.

    Args:
        blocks: residual blocks, at least 1.
        branches: residual sums in a block; 2 in a transformer.

    Source:
        Radford et al. (2019), Language models are unsupervised multitask learners.
    """
    return 1 / math.sqrt(_count("blocks", blocks) * _count("branches", branches))


def fixup(branches: int, layers: int = 2) -> float:
    """L^(-1/(2m-2)), the factor on a branch's weights but its last, which start at zero.

    Args:
        branches: residual branches of the network, L, at least 1.
        layers: weight layers in a branch, m, at least 2.

    Source:
        Zhang, Dauphin & Ma (2019), arXiv:1901.09321. The classifier starts at zero too.
    """
    return _count("branches", branches) ** (-1 / (2 * _count("layers", layers, 2) - 2))


def deepnorm(encoder: int = 0, decoder: int = 0) -> tuple[DeepNorm | None, DeepNorm | None]:
    """α and β of the encoder and of the decoder, None for a part without layers.

    one part of N layers: α = (2N)^(1/4), β = (8N)^(-1/4)
    both: encoder α = 0.81 (N⁴M)^(1/16), β = 0.87 (N⁴M)^(-1/16); decoder (3M)^(1/4), (12M)^(-1/4)

    Args:
        encoder: layers of the encoder, N.
        decoder: layers of the decoder, M.

    Source:
        Wang et al. (2022), arXiv:2203.00555, figure 2.
    """
    n, m = _count("encoder", encoder, 0), _count("decoder", decoder, 0)
    if n == m == 0:
        refuse("encoder, decoder", "at least one layer together", (encoder, decoder))
    if n and m:
        joint = (n**4 * m) ** (1 / 16)
        return (
            DeepNorm(0.81 * joint, 0.87 / joint),
            DeepNorm((3 * m) ** 0.25, (12 * m) ** -0.25),
        )
    alone = DeepNorm((2 * (n or m)) ** 0.25, (8 * (n or m)) ** -0.25)
    return (alone, None) if n else (None, alone)


def t_fixup(encoder: int = 0, decoder: int = 0) -> tuple[float | None, float | None]:
    """Factors on value, output and MLP weights: 0.67 N^(-1/4) encoder, (9M)^(-1/4) decoder.

    Embeddings start at variance 1/width and take the same factor. T-Fixup trains without
    warm-up and layer normalisation.

    Args:
        encoder: layers of the encoder, N.
        decoder: layers of the decoder, M.

    Source:
        Huang et al. (2020), Improving transformer optimization through better initialization,
        ICML.
    """
    n, m = _count("encoder", encoder, 0), _count("decoder", decoder, 0)
    if n == m == 0:
        refuse("encoder, decoder", "at least one layer together", (encoder, decoder))
    return 0.67 * n**-0.25 if n else None, (9 * m) ** -0.25 if m else None


def _count(name: str, value: int, low: int = 1) -> int:
    return int(whole(name, value, low))
