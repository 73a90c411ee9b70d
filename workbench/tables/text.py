"""Delimited text as people export it, as rows of cells with the line on which each begins.

Python's csv module reads the cells and not DuckDB, whose sniffer skips lines in silence, renames a
column that is named twice, and cannot say on which line a row stands once it has been read.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from workbench.base.checks import clipped, refusal, refuse, spell
from workbench.base.files.regular_file import refused
from workbench.tables.cells import is_missing, is_number

DELIMITERS = (",", ";", "\t", "|", " ")
# Bytes of a text at most, unpacked if it is compressed; each cell of it takes up to 100 in memory.
# What of a text decides its delimiter.
LONGEST, CELLS, SAMPLE = 2**28, 2**24, 50_000
OTHERS = {
    b"PK": "a spreadsheet or another ZIP archive (save the sheet as CSV)",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy file",
    b"SQLite format": "an SQLite database",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"\xd0\xcf\x11\xe0": "an old Excel file (save the sheet as CSV)",
    b"%PDF": "a PDF file",
}
# A cell in quotes, and blanks behind it, which the csv module does not pass over.
_QUOTED = re.compile(r'"(?:[^"]|"")*+"?( +(?=[,;\t|\r\n]|\Z))?')
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Grid(NamedTuple):
    """The cells of a text.

    Attributes:
        names: of the columns.
        rows: of cells, each as long as `names`.
        lines: where each row begins, counted from 1.
        notes: sentences on what was left out or assumed.
    """

    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    notes: tuple[str, ...]


def decoded(raw: bytes, knob: str, name: str) -> tuple[str, tuple[str, ...]]:
    """The text of a file's bytes, unpacked where they are gzip's, and what was assumed of it.

    UTF-8 and UTF-16 with or without their marks; else Windows-1252, which has Latin-1's letters.
    """
    if raw.startswith(b"\x1f\x8b"):
        raw = _unpacked(raw, knob, name)
    for start, what in OTHERS.items():
        if raw.startswith(start):
            refuse(knob, "a text of cells between delimiters, or Parquet", f"{name}: {what}")
    marked = next((code for mark, code in MARKS.items() if raw.startswith(mark)), None)
    zeros = raw[:1000].count(0)
    if marked is None and zeros > len(raw[:1000]) // 4:
        # Without a mark the halves of UTF-16 show by where the zeros of plain letters stand.
        marked = "utf-16-le" if raw[1:1000:2].count(0) == zeros else "utf-16-be"
    try:
        text = raw.decode(marked or "utf-8")
    except UnicodeDecodeError:
        if marked:
            refuse(knob, f"text in {marked.upper()}, as its first bytes say", name)
        return _western(raw), (f"{name} is read as Windows-1252 (Latin-1)",)
    if "\0" in text:
        refuse(knob, "text without zero bytes", name)
    return text, ()


def _western(raw: bytes) -> str:
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _unpacked(raw: bytes, knob: str, name: str) -> bytes:
    errors = (zlib.error,)
    with refused(knob, "a whole gzip file", name, errors), gzip.open(io.BytesIO(raw)) as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        refuse(knob, f"at most {LONGEST:,} bytes when unpacked", name)
    return content


def grid(text: str, knob: str, name: str) -> Grid:
    """The cells of a text under its header.

    Blank lines, lines of comment (#) and repeated headers are left out, the latter two with a note.
    A header that stands in the last comment before the numbers is taken from there.

    Raises:
        ValueError: if there are too many cells, no header or no row, if a name stands twice, a
            quote is not closed, or a row is longer or shorter than the header; the sentence names
            the line.
    """
    if text.lstrip()[:1] in ("{", "[", "<"):
        what = "HTML or XML" if text.lstrip()[0] == "<" else "JSON"
        refuse(knob, "a text of cells between delimiters", f"{name}: {what}")
    declared, first = re.match(r"sep=(.)\r?\n", text), 0
    if declared:
        text, first = text[declared.end() :], 1
    delimiter = declared.group(1) if declared else _delimiter(text)
    if sum(map(text.count, (delimiter, "\n", "\r"))) > CELLS:
        refuse(knob, f"a table of at most {CELLS:,} cells", name)
    records, comments = [], []
    for line, cells in _records(text, delimiter, knob, name, first):
        if cells[0].startswith("#") and not is_missing(cells[0]):
            said = [cells[0].lstrip("# "), *cells[1:]]
            comments.append((line, said if said[0] else said[1:]))
        else:
            records.append((line, cells))
    (at, header), records = _header(records, comments, knob, name)
    repeated = [line for line, cells in records if cells == header]
    records = [(line, cells) for line, cells in records if cells != header]
    names, rows = _rectangular(at, header, records, knob, name)
    comments = [line for line, _ in comments if line != at]
    notes = [f"comments in {name} are left out: {_listed(comments)}"] if comments else []
    notes += [f"{name} repeats its header: {_listed(repeated)} left out"] if repeated else []
    return Grid(names, rows, [line for line, _ in records], tuple(notes))


def _records(
    text: str, delimiter: str, knob: str, name: str, first: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not blank, and its line."""
    if delimiter != " " and '" ' in text:
        text = _QUOTED.sub(lambda match: match[0].removesuffix(match[1] or ""), text)
    how = {"delimiter": delimiter, "skipinitialspace": True, "strict": True}
    reader = csv.reader(io.StringIO(text, newline=""), **how)
    line = 1
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                yield line + first, cells
            line = reader.line_num + 1
    except csv.Error as error:
        place = f"line {line + first} of {name}"
        raise refusal(
            f"`{knob}` must close its quotes; got an open one from {place} on ({error})"
        ) from None


def _delimiter(text: str) -> str:
    """The delimiter under which most rows are as long as the first and most cells are numbers."""
    sample = text[:SAMPLE]
    if len(text) > SAMPLE:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1]
    return max(DELIMITERS, key=lambda delimiter: _fitness(sample, delimiter))


def _fitness(sample: str, delimiter: str) -> tuple[float, ...]:
    try:
        rows = [cells for _, cells in _records(sample, delimiter, "", "")]
    except ValueError:
        return (0.0,)
    rows = [_trimmed(cells) for cells in rows if not cells[0].startswith("#")]
    if not rows or len(rows[0]) < 2:
        return (0.0,)
    if any(cell in DELIMITERS for row in rows for cell in row):
        return (0.0,)
    wide = len(rows[0])
    alike = sum(len(cells) == wide for cells in rows) / len(rows)
    cells = [cell for row in rows[1:] for cell in row]
    numeric = sum(is_missing(cell) or is_number(cell) for cell in cells) / max(len(cells), 1)
    return alike, numeric, wide


def _trimmed(cells: list[str]) -> list[str]:
    """Without the empty cells at the end, which delimiters at the end of a line leave."""
    wide = len(cells)
    while wide and not cells[wide - 1]:
        wide -= 1
    return cells[:wide]


def _header(records: list, comments: list, knob: str, name: str) -> tuple[tuple, list]:
    """The line and cells of the header, and the records below it."""
    if not records:
        refuse(knob, "a table of at least one row", name)
    line, cells = records[0]
    if not all(is_number(cell) or is_missing(cell) for cell in cells):
        if len(records) == 1:
            refuse(knob, "a table of at least one row", f"{name}, a header alone")
        return records[0], records[1:]
    before = [c for c in comments if c[0] < line and len(c[1]) == len(cells)]
    if before:
        return before[-1], records
    raise refusal(
        f"`{knob}` must name its columns in the first row; got numbers on line {line} of {name}"
    )


def _rectangular(
    at: int, header: list[str], records: list, knob: str, name: str
) -> tuple[list[str], list[list[str]]]:
    """Names and rows of one length; a column without a name gets one if it holds anything."""
    wide = len(_trimmed(header))
    for line, cells in records:
        filled = len(_trimmed(cells))
        if len(cells) < wide or filled > wide:
            if wide < filled <= len(header):
                wide = filled
                continue
            got = len(cells) if len(cells) < wide else filled
            raise refusal(
                f"`{knob}` must have {wide} cells in every row, as in its header on line {at}; got "
                f"{got} on line {line} of {name}: {spell(','.join(cells))}"
            )
    names = [n or f"column {i}" for i, n in enumerate([*header, *[""] * wide][:wide], 1)]
    places = {n: [i for i, m in enumerate(names, 1) if m == n] for n in names}
    for column, where in places.items():
        if len(where) > 1:
            raise refusal(
                f"`{knob}` must name each column once; got `{clipped(column, 60)}` in columns "
                f"{' and '.join(map(str, where))} of line {at} of {name}"
            )
    return names, [cells[:wide] for _, cells in records]


def _listed(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:5]))
    more = f" and {len(lines) - 5} more" if len(lines) > 5 else ""
    return f"line{'s' if len(lines) > 1 else ''} {shown}{more}"
