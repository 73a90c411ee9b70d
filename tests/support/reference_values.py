"""Numbers computed elsewhere, by mpmath at 30 digits or in closed form; see inits.csv."""

import csv
from pathlib import Path

with (Path(__file__).parents[1] / "reference" / "inits.csv").open() as table:
    ROWS = [(r["name"], r["args"], float(r["value"])) for r in csv.DictReader(table)]


def rows(*names):
    """The (name, args, value) triples of some quantities; none is a mistake in the test."""
    found = [r for r in ROWS if r[0] in names]
    assert found, names
    return found


def value(name, args):
    (found,) = [v for n, a, v in ROWS if (n, a) == (name, args)]
    return found
