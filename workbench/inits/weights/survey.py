"""The matrices of a weight file: axes, weights that multiply, and arrays left out."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from workbench.base.checks import refuse
from workbench.inits.weights.reading.files import Contents, read
from workbench.inits.weights.reading.layouts import (
    LAYOUTS,
    Gate,
    Guess,
    Layout,
    as_matrix,
    gates,
    guess,
    is_bias,
)
from workbench.inits.weights.reading.lookup_tables import biases, lookup_tables
from workbench.inits.weights.reading.stored_numbers import Stored
from workbench.inits.weights.untrained import Law, initial_laws, transformer_blocks

# Names of arrays that a sentence lists.
NAMED = 3


class Weight(NamedTuple):
    """One array of rank two or more that multiplies, or is looked up.

    Attributes:
        name: as the file has it.
        stored: its numbers, to be read.
        layout: of the file.
        is_table: whether it is looked up by row.
        gates: of a recurrent layer's matrix; empty for others.
        laws: that it may have been drawn from.
        bias: what is added to its outputs; None where nothing of that name is.
    """

    name: str
    stored: Stored
    layout: Layout
    is_table: bool
    gates: list[Gate]
    laws: list[Law]
    bias: Stored | None

    def matrix(self) -> np.ndarray:
        """The weights as (outputs, inputs), or (rows, width) of a table.

        Raises:
            ValueError: if they cannot be read.
        """
        value = read(self.name, self.stored)
        if self.is_table:
            return value.reshape(math.prod(value.shape[:-1]), value.shape[-1])
        return as_matrix(self.name, value, self.layout)


class Survey(NamedTuple):
    """The matrices of a file and what else is in it.

    Attributes:
        source: the file's name, or a description of what stands in for it.
        layout: which axis counts the outputs, and why.
        weights: the matrices in the file's order.
        vectors: how many arrays of rank one or none, and biases, are left out.
        unread: what could not or should not be read, and why, by name.
        size: bytes of the file.
    """

    source: str
    layout: Guess
    weights: list[Weight]
    vectors: int
    unread: dict[str, str]
    size: int


def survey(
    contents: Contents,
    source: str,
    layout: str = "auto",
    lookup: str = "auto",
    ending: str = "",
) -> Survey:
    """The matrices of a file, whose numbers are not read yet.

    Args:
        contents: of the file.
        source: its name.
        layout: "auto", which guesses, or one of `layouts.LAYOUTS`.
        lookup: which arrays are tables; see `lookup_tables`.
        ending: of the file's name, which may indicate a layout.
    """
    shapes = {n: a.shape for n, a in contents.arrays.items()}
    if layout not in ("auto", *LAYOUTS):
        refuse("layout", "auto or one of " + ", ".join(LAYOUTS), layout)
    chosen = guess(shapes, ending) if layout == "auto" else Guess(layout, "")
    tables = lookup_tables(shapes, chosen.layout, lookup)
    blocks = transformer_blocks(list(shapes))
    weights = []
    for name, array in contents.arrays.items():
        if len(array.shape) < 2 or is_bias(name, array.shape):
            continue
        units, parts = gates(name, shapes, chosen.layout)
        about = {"is_table": name in tables, "units": units, "blocks": blocks}
        laws = initial_laws(name, array.shape, chosen.layout, **about) if array.size else []
        bias = next((contents.arrays[b] for b in sorted(biases(name)) if b in shapes), None)
        weights.append(Weight(name, array, chosen.layout, name in tables, parts, laws, bias))
    vectors = len(shapes) - len(weights)
    return Survey(source, chosen, weights, vectors, contents.unread, contents.size)


def left_out(unread: dict[str, str]) -> list[str]:
    """A sentence for each reason, with the number of its arrays and the names of the first."""
    sentences = []
    for why, count in Counter(unread.values()).items():
        names = [n for n, reason in unread.items() if reason == why]
        listed = ", ".join(names[:NAMED]) + (", ..." if count > NAMED else "")
        arrays = "1 array was" if count == 1 else f"{count} arrays were"
        sentences.append(f"{arrays} not read, {why}: {listed}")
    return sentences
