"""NumPy's files and archives by their headers, before any memory is taken for their numbers."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.base.regular_file import USUAL, opened, reason

# What NumPy and zipfile raise at wrong bytes, beside what `regular_file.refused` knows already.
DAMAGED = (
    *(KeyError, IndexError, TypeError, AttributeError, OverflowError, NotImplementedError),
    *(RuntimeError, SyntaxError, struct.error, zipfile.BadZipFile, zlib.error),
    tokenize.TokenError,
)
# An archive's member may be as large as this when unpacked, or have so many bytes for each packed
# one: weights hardly shrink, and DEFLATE can make a thousand bytes of one.
UNPACKED, RATIO = 2**30, 100


class Array(NamedTuple):
    """One array of an archive, or why it cannot be read.

    Attributes:
        name: without its ending.
        shape: as its header says.
        dtype: of its numbers.
        fault: why it is not read; empty where nothing is known against it.
        member: its place in the archive.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fault: str
    member: zipfile.ZipInfo


def header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and kind of the array that begins where the open file stands."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version > (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def fault(shape: tuple[int, ...], dtype: np.dtype, size: int) -> str:
    """Why an array cannot be read of so many bytes; empty where nothing is known against it."""
    if dtype.hasobject:
        return "its objects are never unpickled"
    if min(shape, default=0) < 0:
        return "its header has a negative size"
    # Numbers without bytes would have any number in no space.
    short = math.prod(shape) * max(dtype.itemsize, 1) > size
    return "it is shorter than its header says" if short else ""


def arrays(path: Path) -> list[Array]:
    """The arrays of an archive; what is wrong with one of them is its fault.

    Raises:
        OSError: if the file cannot be opened.
        Exception: one of `DAMAGED`, if the archive as a whole is damaged.
    """
    with opened(path) as file, zipfile.ZipFile(file) as archive:
        return [_array(archive, info) for info in archive.infolist()]


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    name, unknown = info.filename.removesuffix(".npy"), ((), np.dtype("V1"))
    if words := oversized(info):
        return Array(name, *unknown, words, info)
    try:
        with archive.open(info) as member:
            shape, dtype = header(member)
    except (*USUAL, *DAMAGED) as error:
        return Array(name, *unknown, reason(error), info)
    return Array(name, shape, dtype, fault(shape, dtype, info.file_size), info)


def oversized(info: zipfile.ZipInfo) -> str:
    """Why an archive's member is not unpacked; empty where it may be."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is packed by a method that is not read"
    if info.file_size > max(UNPACKED, RATIO * info.compress_size):
        return f"it unpacks to {info.file_size:,} bytes, over {RATIO} times its packed size"
    return ""
