"""One reader for the tables of all experiments: delimited text, packed or not, and Parquet."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from workbench.base.checks import refuse, spell
from workbench.base.optional import optional
from workbench.tables import cells, text

SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")
_LARGEST = 2**30


class Table(dict[str, np.ndarray]):
    """The columns of a file by name: numbers (NaN where a cell is empty), or texts.

    Attributes:
        name: of the file.
        lines: on which line each row begins; its number, counted from 1, in Parquet.
        notes: sentences on what was left out or assumed in reading.
        marks: the mark of decimals by column; None where a column contradicts itself.
    """

    name: str
    lines: np.ndarray
    notes: tuple[str, ...]
    marks: dict[str, str | None]

    def __init__(self, columns: dict[str, np.ndarray], name: str, lines: Any = None, **more: Any):
        """Takes the columns, and of which file's lines they are; without it rows are counted."""
        super().__init__(columns)
        self.name = name
        count = len(next(iter(columns.values()), ()))
        self.lines = np.arange(1, count + 1) if lines is None else np.asarray(lines)
        self.what = "row" if lines is None else "line"
        self.notes, self.marks = more.get("notes", ()), more.get("marks", {})

    def taken(self, rows: np.ndarray) -> Table:
        """The table of these rows, a mask or places; columns of numbers are typed anew."""
        mine = {k: self._typed(k, v[rows]) for k, v in self.items()}
        made = Table(mine, self.name, self.lines[rows], notes=self.notes, marks=self.marks)
        made.what = self.what
        return made

    def _typed(self, name: str, column: np.ndarray) -> np.ndarray:
        # A cell that was no number may be among the rows that are gone.
        if column.dtype != object or len(column) == len(self.lines):
            return column
        return cells.values(column.tolist(), self.marks.get(name))

    def place(self, row: int) -> str:
        """Where a row stands, for a sentence: "line 5 of runs.csv"."""
        return f"{self.what} {self.lines[row]} of {self.name}"

    def filled(self, columns: Iterable[str]) -> Bool[np.ndarray, " rows"]:
        """Which rows hold a number in all of these columns.

        Raises:
            ValueError: if a cell holds something else; the sentence names its line.
        """
        there = np.ones(len(self.lines), bool)
        for name in columns:
            if self[name].dtype == object:
                self.refuse_text(name)
            there &= ~np.isnan(self[name])
        return there

    def complete(self, columns: Sequence[str], hint: str = "") -> None:
        """Refuses an empty cell in one of these columns of numbers, and names its line."""
        filled = self.filled(columns)
        if filled.all():
            return
        row, more = int(np.argmin(filled)), int((~filled).sum()) - 1
        name = next(n for n in columns if np.isnan(self[n][row]))
        raise ValueError(
            f"`{name}` must be a number on every row; got an empty cell on {self.place(row)}"
            + (f" and {more} more such rows" if more else "")
            + hint
        )

    def positive(self, name: str, hint: str = "") -> None:
        """Refuses a number of this column that is not positive and finite, and names its line."""
        bad = np.flatnonzero(~((self[name] > 0) & np.isfinite(self[name])))
        if len(bad):
            more = f" and on {len(bad) - 1} more" if len(bad) > 1 else ""
            raise ValueError(
                f"`{name}` must be positive and finite on every row; got "
                f"{self[name][bad[0]]:g} on {self.place(int(bad[0]))}{more}{hint}"
            )

    def refuse_text(self, name: str) -> None:
        """Refuses a column that is not read as numbers, by the line and the cell at fault."""
        column, mark = self[name].tolist(), self.marks.get(name)
        if all(map(cells.is_missing, column)):
            refuse(name, f"a column of numbers in {self.name}", "empty cells alone")
        if mark is None and cells.is_numeric(column):
            proofs = cells.proven(column).values()
            shown = list(proofs) or [next(c for c in column if "," in c)]
            got = " and ".join(f"{spell(c)} on {self.place(column.index(c))}" for c in shown)
            raise ValueError(
                f"`{name}` must be written with one mark of decimals, beyond doubt; got {got}"
            )
        row = next(i for i, c in enumerate(column) if cells.number(c, mark or ".") is None)
        got = f"{spell(column[row])} on {self.place(row)}"
        raise ValueError(f"`{name}` must be a number on every row; got {got}")


def read_table(path: str, knob: str = "table_file") -> Table:
    """The columns of a file that is delimited text, packed by gzip or not, or Parquet.

    The text may be in UTF-8, UTF-16 or Windows-1252 (Latin-1); its cells stand between commas,
    semicolons, tabs, bars or spaces; decimals follow a point or a comma. Cells such as NA, - and
    null are empty. Nothing is guessed about a number that can be read in two ways.

    Args:
        path: the file.
        knob: the knob that names it, for the sentences.

    Raises:
        ValueError: if the file is missing, of another kind, or no table; the sentence names line
            and column.
    """
    file = Path(path)
    if not file.is_file():
        refuse(knob, "an existing file", path)
    state = file.stat()
    if state.st_size > _LARGEST:
        refuse(knob, f"a file of at most {_LARGEST:,} bytes", state.st_size)
    return _read(path, knob, (state.st_mtime_ns, state.st_size, state.st_ino))


@functools.lru_cache(maxsize=4)
def _read(path: str, knob: str, state: tuple[int, ...]) -> Table:
    """A panel reads its table at every turn of a knob; kept until the file changes."""
    file = Path(path)
    try:
        with file.open("rb") as opened:
            raw = opened.read(4)
            raw += b"" if raw == b"PAR1" else opened.read()
    except OSError as error:
        refuse(knob, f"a file that can be read ({error.strerror})", path)
    table = _parquet(file, knob) if raw == b"PAR1" else _text(raw, file.name, knob)
    for column in table.values():
        column.flags.writeable = False
    return table


def _text(raw: bytes, name: str, knob: str) -> Table:
    content, notes = text.decoded(raw, knob, name)
    found = text.grid(content, knob, name)
    columns = list(zip(*found.rows, strict=True))
    marks = cells.marks(columns)
    typed = {n: cells.values(c, m) for n, c, m in zip(found.names, columns, marks, strict=True)}
    if "," in [m for n, m in zip(found.names, marks, strict=True) if typed[n].dtype != object]:
        notes += (f"{name} is read with commas before decimals",)
    by_name = dict(zip(found.names, marks, strict=True))
    return Table(typed, name, found.lines, notes=(*notes, *found.notes), marks=by_name)


def _parquet(file: Path, knob: str) -> Table:
    """The columns under their own names: SQL would rename those that differ by capitals alone."""
    duckdb = optional("duckdb", "duckdb", "reading Parquet")

    settings = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    # Of a name only these are patterns, and a pattern in brackets is itself.
    there = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(file.resolve()))
    try:
        with duckdb.connect(":memory:", config=settings) as base:
            schema = base.execute("SELECT name, num_children FROM parquet_schema(?)", [there])
            names = _top(schema.fetchall())
            what = "SELECT * FROM read_parquet(?, hive_partitioning = false)"
            found = base.execute(what, [there]).fetchnumpy()
    except duckdb.Error as error:
        refuse(knob, "a whole Parquet file", f"{file.name}: {' '.join(str(error).split())}")
    twice = [n for n in names if names.count(n) > 1]
    if twice or not names:
        refuse(knob, "a table that names each column once", twice)
    columns = {n: _column(values) for n, values in zip(names, found.values(), strict=True)}
    if not len(columns[names[0]]):
        refuse(knob, "a table of at least one row", file.name)
    return Table(columns, file.name, marks=dict.fromkeys(names, "."))


def _top(schema: list[tuple[str, int | None]]) -> list[str]:
    """The names of the columns, without those of what they hold in turn."""
    names, skip = [], 0
    for name, children in schema[1:]:
        if skip:
            skip -= 1
        else:
            names.append(name)
        skip += children or 0
    return names


def _column(values: Any) -> np.ndarray:
    gone = np.ma.getmaskarray(values)
    values = np.ma.getdata(values)
    if values.dtype.kind in "iuf":
        return np.where(gone, np.nan, values.astype(np.float64))
    told = ["" if g or v is None else str(v) for v, g in zip(values.tolist(), gone, strict=True)]
    return cells.values(told, ".")
