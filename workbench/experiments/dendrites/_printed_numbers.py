"""The numbers that Ahmad & Hawkins (2016) print, computed again by the exact laws.

Some stand in the paper's figures and captions, some in its published code. They do not depend on
a run's knobs.
"""

from __future__ import annotations

import numpy as np

from workbench.dendrites import landscape, laws
from workbench.experiment.decisions import Claim, Statement
from workbench.intervals import binomial_interval

PAPER = "Ahmad & Hawkins (2016)"
DEVIATIONS = 5.0

FIGURE_4A = Statement(
    PAPER,
    "Fig. 4A, 1e8 trials at cells 300, active 128, synapses 24, threshold 12",
    "The share of false matches simulated in the paper, 0.292048, is the law's",
)
FIGURE_4B = Statement(
    PAPER,
    "Fig. 4B, 1e7 trials at active 128, moved 64, synapses 30, threshold 8",
    "The share of misses simulated in the paper, 7.358e-4, is the law's",
)
FIGURE_5A = Statement(
    PAPER,
    "Fig. 5A, caption, at cells 4000, active 128, synapses 24, threshold 12",
    "The error is a little higher than 1e-12",
)
UNION_SIZE = Statement(
    PAPER,
    "section 3.3, at cells 20000, synapses 25",
    "Ten patterns mixed on one segment need fewer than 250 synapses",
)
MILLION = Statement(
    PAPER,
    "section 3.2, at cells 10000, active 300, synapses 30, threshold 15",
    "A million segments together err on fewer than one pattern in a billion",
)
HALF_ACTIVE = Statement(
    PAPER,
    "Fig. 5A, dashed, at cells 19900, synapses 24, threshold 12",
    "With half of the cells active the error is 7.167e-3",
)
SAFE_THRESHOLD = Statement(
    PAPER, "Fig. 6, shaded", "From threshold 9 on, the median error is 1e-9 or lower"
)
DIMENSION = Statement(
    PAPER, "section 4.2", "At fixed sparsity the error falls as the population grows"
)
UNION_PLUG_IN = Statement(
    PAPER,
    "section 3.3 and its code",
    "The rounded expected number of synapses may stand for the union's random size",
)
CODE_ZERO = Statement(
    PAPER,
    "published notebook, at cells 10000, active 64, synapses 24, threshold 12",
    "The error evaluates to zero",
)

PRINTED = (
    FIGURE_4A,
    FIGURE_4B,
    FIGURE_5A,
    UNION_SIZE,
    MILLION,
    HALF_ACTIVE,
    SAFE_THRESHOLD,
    DIMENSION,
    UNION_PLUG_IN,
    CODE_ZERO,
)


def confirmed() -> list[Claim]:
    """Numbers of the paper that the laws confirm."""
    size = laws.union_size(20000, 25, 10)
    return [
        FIGURE_4A.agrees(
            expected=binomial_interval(29204800, 10**8, DEVIATIONS),
            measured=laws.false_match(300, 128, 24, 12),
        ),
        FIGURE_4B.agrees(
            expected=binomial_interval(7358, 10**7, DEVIATIONS),
            measured=laws.false_negative(128, 30, 8, 64),
        ),
        FIGURE_5A.bounded(measured=laws.false_match(4000, 128, 24, 12), above=1e-12, below=2e-12),
        UNION_SIZE.bounded(measured=size, below=250.0),
    ]


def contradicted() -> list[Claim]:
    """Statements of the paper and its code that the laws contradict."""
    million = laws.any_match(laws.false_match(10000, 300, 30, 15), 1_000_000)
    half = laws.false_match(19900, 9950, 24, 12)
    quarter = laws.false_match(19900, 19900 // 4, 24, 12)
    grown = laws.false_match(16000, 512, 24, 12) / laws.false_match(500, 16, 24, 12)
    plug_in = laws.union_false_match(1000, 200, 25, 15, 2, method="plugin")
    mixture = laws.union_false_match(1000, 200, 25, 15, 2, method="mixture")
    median = landscape.figure_6_medians(np.arange(9, 11))
    return [
        MILLION.bounded(
            measured=million, below=1e-9, note="one part in twenty above the stated bound"
        ),
        HALF_ACTIVE.agrees(
            expected=(7.1665e-3, 7.1675e-3),
            measured=half,
            note=f"the plotted curve is that of a quarter active: {quarter:.4g}",
        ),
        SAFE_THRESHOLD.bounded(
            measured=float(median[0]),
            below=1e-9,
            note=f"threshold 10 is the first below the line, with {median[1]:.3g}",
        ),
        DIMENSION.bounded(
            measured=grown,
            below=1.0,
            note="error at 16,000 cells over error at 500, sparsity 3.2 %: it rises to the "
            f"binomial limit {laws.binomial_limit(0.032, 24, 12):.4g}; only at a fixed number "
            "of active cells does it fall",
        ),
        UNION_PLUG_IN.agrees(
            expected=(0.99, 1.01),
            measured=plug_in / mixture,
            note="error by the rounded expected size over the exact mixture, two patterns of 25 "
            "synapses among 1,000 cells",
        ),
        CODE_ZERO.exact(
            expected=0.0,
            measured=laws.false_match(10000, 64, 24, 12),
            note="the notebook's symbolic evaluation loses the sum to rounding",
        ),
    ]
