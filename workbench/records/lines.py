"""The lines of a file, none of them longer than a bound."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

_PIECE = 1 << 20


def lines(file: BufferedIOBase, most: int) -> Iterator[tuple[int, bytes]]:
    """Every line with its place; of one that is too long its beginning alone.

    What follows in such a line is passed over in large pieces, ten times as fast as it is read as
    lines, since it may be the whole of a file without a line end.

    Args:
        file: at its beginning; it may be read elsewhere between two lines.
        most: bytes of a line that is given.
    """
    place = 0
    while file.seek(place) == place and (line := file.readline(most)):
        yield place, line
        place += len(line)
        if not line.endswith(b"\n"):
            place = _behind(file, place)


def _behind(file: BufferedIOBase, place: int) -> int:
    """Where the next line begins, or the file ends."""
    file.seek(place)
    while piece := file.read(_PIECE):
        if (end := piece.find(b"\n")) >= 0:
            return place + end + 1
        place += len(piece)
    return place
