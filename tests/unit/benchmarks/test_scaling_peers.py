"""The published bootstrap that the benchmark compares with gives the digits that were printed."""

import numpy as np
from chinchilla_points import shared
from gpu_benchmark import module

from workbench.scaling.inference.bootstrap import pair_counts


def test_the_published_standard_errors_to_every_printed_digit():
    """Besiroglu et al. (2024), notebook: 4,000 resamples, seed 42."""
    shared("chinchilla_svg_extracted.csv")
    peers = module("scaling_peers")
    counts = pair_counts(np.random.RandomState(42), 4000, len(peers.ONES))
    draws = peers.published_draws(counts)
    printed = {"A": "124.52232", "B": "1293.28410", "E": "0.02566", "alpha": "0.01540",
               "beta": "0.02060"}  # fmt: skip
    assert {p: f"{np.std(draws[p], ddof=1):.5f}" for p in printed} == printed
