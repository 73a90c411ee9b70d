"""Residual streams under the schemes that scale their branches, beside the law of their growth."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.experiment.decisions import Claim, Statement
from workbench.inits.residual_stream import factors, growth, residual_stream
from workbench.watch import steps

DEVIATIONS = 5.0

DOUBLING = Statement(
    "Zhang, Dauphin & Ma (2019)",
    "residual networks at initialisation",
    "Branches that keep the variance double that of the stream in every block",
)
ACCUMULATION = Statement(
    "Radford et al. (2019)",
    "model, modified initialisation",
    "The factor 1/√N on N branches accounts for their accumulation: (1 + 1/N)^N, below e",
)
STILL = Statement(
    "Bachlechner et al. (2020)", "ReZero", "A branch factor of zero starts as the identity"
)


class Stream(NamedTuple):
    """E x² by block and its growth, with five standard errors, beside the law's."""

    moments: Float[np.ndarray, " blocks_1"]
    growth: float
    interval: tuple[float, float]
    law: float


def streams(rng: Any, width: int, blocks: int, networks: int) -> dict[str, Stream]:
    """Every residual scheme at one width, with as many blocks as the plain networks have layers."""
    found = {}
    for name, scheme in steps(factors(blocks).items()):
        moments = residual_stream(rng, width, blocks, **scheme, networks=networks)
        ratio = moments[-1] / moments[0]
        error = DEVIATIONS * ratio.std(ddof=1) / math.sqrt(networks)
        law = 1.0 if scheme.get("normalised") else growth(blocks, **scheme)
        mean = float(ratio.mean())
        span = (mean - error, mean + error)
        found[name] = Stream(moments.mean(axis=1), mean, span, law)
    return found


def claims(found: dict[str, Stream], blocks: int) -> list[Claim]:
    """Whether the stream doubles, accumulates to less than e, or stays, as the papers say."""
    made = []
    for statement, name in ((DOUBLING, "unscaled"), (ACCUMULATION, "depth_scaled")):
        seen = found[name]
        low, high = (max(end, 0.0) ** (1 / blocks) for end in seen.interval)
        made.append(
            statement.agrees(
                expected=seen.law ** (1 / blocks),
                measured=seen.growth ** (1 / blocks),
                interval=(low, high),
                note=f"growth of a block, over {blocks} blocks",
            )
        )
    moved = float(np.ptp(found["rezero"].moments))
    made.append(STILL.exact(expected=0.0, measured=moved, note="change of E x² over all blocks"))
    return made


def told(found: dict[str, Stream]) -> str:
    """What the figure shows, in words."""
    grown = ", ".join(f"{name} {each.growth:.3g}" for name, each in found.items())
    return (
        f"Second moment of the residual stream against the block, log scale; at the end: {grown}."
    )
