"""Renders streams and texts with escape sequences as a terminal would, in HTML.

Carriage returns, backspaces and moves of the cursor are applied, colours are drawn so that they can
be read on light and on dark paper, and what else a sequence asks of a terminal is left out. Source:
ECMA-48, Control Functions for Coded Character Sets; colours beyond it as xterm reads them.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Iterator

from workbench.pages.cells.ink import PLAIN, Ink, span

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x08\x0a-\x1f\x7f-\x9f]+)"
    r"|(?:\x1b\[|\x9b)(?P<numbers>[0-?]*)[ -/]*(?P<final>[@-~])"
    # Titles, links and device strings up to their end; without an end, only the start.
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]?"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
)
# The most lines or columns by which a sequence moves.
_FAR = 1000
Block = tuple[str, str]


def screens(pieces: Iterable[Block]) -> list[Block]:
    """Consecutive pieces of streams as blocks of HTML with their streams' names.

    Every stream has a cursor of its own, so that a bar on one goes on in its line while the other
    writes; the lines stand in the order in which they began.

    Args:
        pieces: a stream's name and a text written to it, in sequence.
    """
    numbers = itertools.count()
    by_name: dict[str, _Screen] = {}
    for name, text in pieces:
        by_name.setdefault(name, _Screen(numbers)).write(text)
    rows = [(row, name) for name, screen in by_name.items() for row in screen.written()]
    rows.sort(key=lambda pair: pair[0].number)
    blocks = itertools.groupby(rows, key=lambda pair: pair[1])
    return [(name, "\n".join(row.html() for row, _ in group)) for name, group in blocks]


def terminal_html(text: str) -> str:
    """One text as a terminal would show it."""
    return "".join(block for _, block in screens([("", text)]))


class _Row:
    """A line as runs of equal ink; `number` counts lines in the order of their start."""

    def __init__(self, number: int):
        self.number, self.runs, self.length = number, [], 0

    def put(self, column: int, text: str, ink: Ink) -> None:
        """Overwrites the columns."""
        end = column + len(text)
        if column == 0 and end >= self.length:
            self.runs, self.length = [(text, ink)], end
        elif column == self.length:
            self.runs.append((text, ink))
            self.length = end
        else:
            cells = self._cells()
            cells += [(" ", PLAIN)] * (column - len(cells))
            cells[column:end] = [(letter, ink) for letter in text]
            self._take(cells)

    def erase(self, start: int, end: int | None) -> None:
        """Erases the columns; without an end, all to the right."""
        cells = self._cells()
        if end is None or end >= len(cells):
            del cells[start:]
        else:
            cells[start:end] = [(" ", PLAIN)] * (end - start)
        self._take(cells)

    def html(self) -> str:
        """The line as HTML."""
        return "".join(span(html.escape(text, quote=False), ink) for text, ink in self.runs)

    def _cells(self) -> list[tuple[str, Ink]]:
        return [(letter, ink) for text, ink in self.runs for letter in text]

    def _take(self, cells: list[tuple[str, Ink]]) -> None:
        groups = itertools.groupby(cells, key=lambda cell: cell[1])
        self.runs = [("".join(letter for letter, _ in group), ink) for ink, group in groups]
        self.length = len(cells)


class _Screen:
    """A terminal without scrolling; `rows` are its lines."""

    def __init__(self, numbers: Iterator[int]):
        self.rows: list[_Row] = []
        self.numbers, self.row, self.column, self.ink = numbers, 0, 0, PLAIN

    def write(self, text: str) -> None:
        """Writes a text with escape sequences."""
        for token in _TOKEN.finditer(text):
            if words := token["text"]:
                self._reach(self.row)
                self.rows[self.row].put(self.column, words, self.ink)
                self.column += len(words)
            elif final := token["final"]:
                self._obey(final, token["numbers"])
            elif control := token["control"]:
                self._control(control)

    def written(self) -> list[_Row]:
        """The rows up to the last one that is not blank."""
        rows = self.rows
        while rows and not any(text.strip() for text, _ in rows[-1].runs):
            rows = rows[:-1]
        return rows

    def _control(self, control: str) -> None:
        if control in "\n\v\f":
            self._reach(self.row)
            self.row, self.column = self.row + 1, 0
        elif control == "\r":
            self.column = 0
        elif control == "\b":
            self.column = max(0, self.column - 1)

    def _obey(self, final: str, numbers: str) -> None:
        """Executes a control sequence; ignores unknown and private ones."""
        if final == "m" and numbers[:1] not in ("<", "=", ">", "?"):
            self.ink = self.ink.changed(numbers)
            return
        if not re.fullmatch(r"[\d;]*", numbers):
            return
        first, *more = [min(int(n[:9]), _FAR) if n else None for n in numbers.split(";")]
        step = first or 1
        if final in "AF":
            self.row = max(0, self.row - step)
        elif final in "BE":
            # At most to the last line; only a line feed adds one.
            self.row = max(self.row, min(self.row + step, len(self.rows) - 1))
        elif final == "C":
            self.column = max(self.column, min(self.column + step, _FAR))
        elif final == "D":
            self.column = max(0, self.column - step)
        elif final in "Hf":
            self.row = step - 1
        elif final in "JK":
            self._erase(final, first or 0)
        if final in "EF":
            self.column = 0
        elif final in "GHf":
            self.column = (more[0] or 1) - 1 if more and final != "G" else 0 if more else step - 1
        if final in "Hf" and not more:
            self.column = 0

    def _erase(self, final: str, which: int) -> None:
        """Erases in the line (K) or on the screen (J): 0 after the cursor, 1 before it, 2 all."""
        if final == "J" and which >= 2:
            self.rows.clear()
            self.row = self.column = 0
            return
        if self.row < len(self.rows):
            start = self.column if which == 0 else 0
            self.rows[self.row].erase(start, self.column + 1 if which == 1 else None)
        if final == "J" and which == 0:
            del self.rows[self.row + 1 :]
        elif final == "J":
            for row in self.rows[: self.row]:
                row.erase(0, None)

    def _reach(self, row: int) -> None:
        while len(self.rows) <= row:
            self.rows.append(_Row(next(self.numbers)))
