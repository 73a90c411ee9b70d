"""What a GPU of measured rates can reach at the detector's question, in pairs a second.

The gather, for 32 patterns a word: a load a synapse and row, two three-input operations a synapse
to add it and eight to compare, the lists read once for all patterns and 8 bytes written a match.
Loads and bytes cannot be fewer by this method; the leanest tree of adders needs a seventh less
logic at 20 synapses. The least of these limits is the bound.
"""

from typing import NamedTuple

WORD = 32
COMPARING = 8
WIDTHS = (4, 2, 1)


class Rates(NamedTuple):
    """Measured rates a second of the whole GPU, of single threads' operations but for `copy`.

    Attributes:
        popc: counts of a word's bits.
        logic: functions of three words.
        load32: rows of one word from shared memory, a warp's being neighbours; 64 and 128: of two
            words and of four.
        load32_anywhere: as `load32`, from random places.
        count32: additions to counters in shared memory at random places, a word each.
        count8: as `count32`, four counters a word.
        copy: bytes read and bytes written, together.
    """

    popc: float
    logic: float
    load32: float
    load64: float
    load128: float
    load32_anywhere: float
    load64_anywhere: float
    load128_anywhere: float
    count32: float
    count8: float
    copy: float


def words_that_fit(cells, shared_bytes, patterns):
    """Words a row of the widest table that fits and is needed.

    One, with the cells in tiles, where none fits.
    """
    fitting = [w for w in WIDTHS if 4 * w * (cells + 1) <= shared_bytes] or WIDTHS[-1:]
    enough = [w for w in fitting if WORD * w >= patterns]
    return enough[-1] if enough else fitting[0]


def limits(rates, shared_bytes, case, matches):
    """Pairs a second by each limit of the gather, the least of them, and its rivals' own limits.

    Args:
        rates: what was measured.
        shared_bytes: the most shared memory that a block can have.
        case: with `cells`, `active`, `synapses`, `segments` and `patterns`.
        matches: how many pairs match.
    """
    words = words_that_fit(case.cells, shared_bytes, case.patterns)
    # Lanes of a word without a pattern do nothing.
    row = min(WORD * words, case.patterns) / case.synapses
    word = min(WORD, case.patterns)
    kind = f"load{WORD * words}"
    item = 2 if case.cells <= 1 << 16 else 4
    moved = item * case.synapses * case.segments + 8 * matches
    bounds_by_rate = {
        "table_words": words,
        "shared_neighbours": getattr(rates, kind) * row,
        "shared_anywhere": getattr(rates, f"{kind}_anywhere") * row,
        "logic": rates.logic * word / (2 * case.synapses + COMPARING),
        "memory": rates.copy * case.segments * case.patterns / moved,
    }
    binding = min(("shared_anywhere", "logic", "memory"), key=bounds_by_rate.get)
    # A visit a pair and synapse whose cell is active, and a word's bits of every cell.
    visits = case.synapses * case.active / case.cells
    return bounds_by_rate | {
        "bound": bounds_by_rate[binding],
        "bound_by": binding,
        "index": rates.count8 / visits,
        "scan": rates.popc * WORD / case.cells,
    }
