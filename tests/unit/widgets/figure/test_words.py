"""Numbers as words: what a reader who sees no figure is told."""

import numpy as np
import pytest

from widgets.figure.words import ends, lines, spans


@pytest.mark.parametrize(
    ("values", "line", "area"),
    [
        ([3, 1, 2], "from 3 to 2", "between 1 and 3"),
        ([np.nan, 1 / 3, np.inf, 2e-37, np.nan], "from 0.333 to 2e-37", "between 2e-37 and 0.333"),
        ([[5.0, 4.0], [np.nan, 6.0]], "from 5 to 6", "between 4 and 6"),
        ([7], "from 7 to 7", "between 7 and 7"),
        ([], "without a value", "without a value"),
        ([np.nan], "without a value", "without a value"),
    ],
)
def test_ends_and_spans(values, line, area):
    assert (ends(values), spans(values)) == (line, area)


def test_lines_are_told_one_by_one():
    assert lines({"law": [1, 2], "seen": [3]}) == "law from 1 to 2, seen from 3 to 3"
