"""What a scheme of initial weights does to signals and gradients in depth, with a verdict on each.

Source:
    Saxe, McClelland & Ganguli (2014), arXiv:1312.6120, for the singular values of the end-to-end
    Jacobian; the verdicts are those of `preservation.verdict`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.array import Array
from workbench.inits.networks.propagation import Scheme, propagate
from workbench.inits.theory.preservation import Verdict, scatter, verdict

# Networks whose Jacobian is decomposed, at most.
DECOMPOSED = 16


class SchemeReport(NamedTuple):
    """Verdicts on one scheme, its second moments by layer, and its Jacobian's middle values.

    Attributes:
        forward: on the signal, the last layer over the first.
        backward: on the gradient, the first layer over the last.
        signal: mean square before the activation, by layer.
        gradient: mean square of the gradient, by layer.
        largest: singular value of the Jacobian, median over networks.
        smallest: the same of the smallest one.
    """

    forward: Verdict
    backward: Verdict
    signal: Float[np.ndarray, " layers"]
    gradient: Float[np.ndarray, " layers"]
    largest: float
    smallest: float


def scheme_report(
    rng: Any,
    scheme: Scheme,
    which: str,
    *,
    width: int,
    depth: int,
    networks: int,
    gain_error: float = 0.0,
) -> SchemeReport:
    """The report of a scheme in networks of one width, sixteen inputs each.

    Args:
        rng: a generator of any backend.
        scheme: as in `propagate`.
        which: name of the activation.
        width: units of every layer.
        depth: layers.
        networks: independent ones.
        gain_error: relative error by which all weights are multiplied.
    """

    def mistuned(rng: Any, shape: tuple[int, ...], **axes: Any) -> Array:
        weights = scheme(rng, shape, **axes)
        weights *= 1 + gain_error
        return weights

    how = {"networks": networks, "inputs": 16, "jacobian": min(DECOMPOSED, networks)}
    drawn = propagate(rng, [width] * (depth + 1), which, mistuned, **how)
    # The tolerance is that of relu where the activation would have a smaller one.
    forward, backward = (max(5.0, scatter(which, 1.0, kind)) for kind in ("forward", "backward"))
    largest, smallest = np.median(drawn.singular[:, [0, -1]], axis=0)
    return SchemeReport(
        verdict(drawn.signal_ratio, width, depth, forward),
        verdict(drawn.gradient_ratio, width, depth, backward),
        drawn.before.mean(axis=1),
        drawn.gradient.mean(axis=1),
        float(largest),
        float(smallest),
    )
