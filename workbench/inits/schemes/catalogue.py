"""The schemes that are compared with each other, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable

from workbench.inits.schemes import variance_scaling as family
from workbench.inits.schemes.batching import on_a_ring, one_by_one
from workbench.inits.schemes.orthogonal import delta_orthogonal, identity, orthogonal
from workbench.inits.schemes.sampling import truncated_deviation
from workbench.inits.theory.moments import gain

# torch.nn.init.calculate_gain("tanh").
TORCH_TANH = 5 / 3
# Share of a sparse matrix's zeros.
SPARSITY = 0.9


def named(which: str) -> dict[str, Callable]:
    """The schemes that are compared, by name, for an activation."""
    scaled, cut = family.variance_scaling, truncated_deviation() ** 2
    forward = gain(which)
    thin = functools.partial(family.sparse, sparsity=SPARSITY, scale=forward**2)
    ring = functools.partial(on_a_ring, functools.partial(delta_orthogonal, gain=forward))
    return {
        "LeCun": family.lecun,
        "Glorot": family.glorot,
        "He": family.he,
        "forward gain": functools.partial(family.preserving, activation=which),
        "backward gain": functools.partial(family.preserving, activation=which, kind="backward"),
        "orthogonal, forward gain": functools.partial(orthogonal, gain=forward),
        "delta-orthogonal, forward gain": functools.partial(one_by_one, ring),
        "sparse, forward gain": functools.partial(one_by_one, thin),
        "identity": functools.partial(one_by_one, identity),
        "He, cut at two deviations, uncorrected": functools.partial(scaled, scale=2 * cut),
        "torch's default": family.torch_default,
        "torch's tanh gain": functools.partial(scaled, scale=TORCH_TANH**2),
    }
