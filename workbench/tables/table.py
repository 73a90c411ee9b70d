"""One reader for the tables of all experiments: delimited text, packed or not, and Parquet."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from workbench.base.checks import clipped, refusal, refuse, spell
from workbench.base.files.regular_file import content, opened, refused, require
from workbench.base.optional import optional
from workbench.tables import cells, text

SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")
# Bytes that DuckDB may take at the same time.
_MEMORY = "2GB"
_NUMBERS = re.compile("U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$|FLOAT|DOUBLE|DECIMAL|BOOLEAN")


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

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The identity: the reader returns the same object until its file changes."""
        return id(self)

    def taken(self, rows: np.ndarray) -> Table:
        """The table of these rows, a mask or places; columns of numbers are typed anew."""
        mine = {k: self._typed(k, v[rows]) for k, v in self.items()}
        selected = Table(mine, self.name, self.lines[rows], notes=self.notes, marks=self.marks)
        selected.what = self.what
        return selected

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
        raise refusal(
            f"`{clipped(name, 60)}` must be a number on every row; got an empty cell on "
            f"{self.place(row)}" + (f" and {more} more such rows" if more else "") + hint
        )

    def positive(self, name: str, hint: str = "") -> None:
        """Refuses a number of this column that is not positive and finite, and names its line."""
        bad = np.flatnonzero(~((self[name] > 0) & np.isfinite(self[name])))
        if len(bad):
            more = f" and on {len(bad) - 1} more" if len(bad) > 1 else ""
            raise refusal(
                f"`{clipped(name, 60)}` must be positive and finite on every row; got "
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
            raise refusal(
                f"`{clipped(name, 60)}` must be written with one mark of decimals, beyond doubt; "
                f"got {got}"
            )
        row = next(i for i, c in enumerate(column) if cells.number(c, mark or ".") is None)
        got = f"{spell(column[row])} on {self.place(row)}"
        raise refusal(f"`{clipped(name, 60)}` must be a number on every row; got {got}")


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
    require(knob, path)
    state = Path(path).stat()
    return _read(path, knob, (state.st_mtime_ns, state.st_size, state.st_ino))


@functools.lru_cache(maxsize=4)
def _read(path: str, knob: str, state: tuple[int, ...]) -> Table:
    """A panel reads its table at every turn of a knob; cached until the file changes."""
    file = Path(path)
    with refused(knob, "a file that can be read", path):
        with opened(file) as begun:
            is_parquet = begun.read(4) == b"PAR1"
        raw = b"" if is_parquet else content(file, text.LONGEST)
    table = _parquet(file, knob) if is_parquet else _text(raw, file.name, knob)
    for column in table.values():
        column.flags.writeable = False
    return table


def _text(raw: bytes, name: str, knob: str) -> Table:
    content, notes = text.decoded(raw, knob, name)
    grid = text.grid(content, knob, name)
    columns = list(zip(*grid.rows, strict=True))
    marks = cells.marks(columns)
    typed = {n: cells.values(c, m) for n, c, m in zip(grid.names, columns, marks, strict=True)}
    if "," in [m for n, m in zip(grid.names, marks, strict=True) if typed[n].dtype != object]:
        notes += (f"{name} is read with commas before decimals",)
    by_name = dict(zip(grid.names, marks, strict=True))
    return Table(typed, name, grid.lines, notes=(*notes, *grid.notes), marks=by_name)


def _parquet(file: Path, knob: str) -> Table:
    """The columns under their own names: SQL would rename those that differ by capitals alone."""
    duckdb = optional("duckdb", "duckdb", "reading Parquet")

    settings = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    settings |= {"memory_limit": _MEMORY}
    # Of a name only these are patterns, and a pattern in brackets is itself.
    there = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(file.resolve()))
    what = "FROM read_parquet(?, hive_partitioning = false)"
    with (
        refused(knob, "a whole Parquet file", file.name, (duckdb.Error,)),
        duckdb.connect(":memory:", config=settings) as base,
    ):
        schema = base.execute("SELECT name, num_children FROM parquet_schema(?)", [there])
        names = _top(schema.fetchall())
        rows, letters = _sizes(base, there, what)
        if rows * len(names) <= text.CELLS and letters <= text.LONGEST:
            arrays = base.execute(f"SELECT * {what}", [there]).fetchnumpy()
        else:
            sizes = f"{text.CELLS:,} cells, of {text.LONGEST:,} letters in all"
            refuse(knob, f"a table of at most {sizes}", f"{rows:,} rows in {file.name}")
    twice = [n for n in names if names.count(n) > 1]
    if twice or not names:
        refuse(knob, "a table that names each column once", twice)
    columns = {n: _column(values) for n, values in zip(names, arrays.values(), strict=True)}
    if not len(columns[names[0]]):
        refuse(knob, "a table of at least one row", file.name)
    return Table(columns, file.name, marks=dict.fromkeys(names, "."))


def _sizes(base: Any, there: str, what: str) -> tuple[int, int]:
    """The rows, as the file says, and the letters of all cells that are no numbers.

    A text that stands once in the file can stand in any number of its rows.
    """
    query = "SELECT coalesce(sum(num_rows), 0)::BIGINT FROM parquet_file_metadata(?)"
    rows = base.execute(query, [there]).fetchall()[0][0]
    kinds = base.execute(f"DESCRIBE SELECT * {what}", [there]).fetchall()
    named = ['"' + n.replace('"', '""') + '"' for n, kind, *_ in kinds if not _NUMBERS.match(kind)]
    if rows > text.CELLS or not named:
        return rows, 0
    sums = ", ".join(f"coalesce(sum(strlen({n}::VARCHAR)), 0)::BIGINT" for n in named)
    return rows, sum(base.execute(f"SELECT {sums} {what}", [there]).fetchall()[0])


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
    texts = ["" if g or v is None else str(v) for v, g in zip(values.tolist(), gone, strict=True)]
    return cells.values(texts, ".")
