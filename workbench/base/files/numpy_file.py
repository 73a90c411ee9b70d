"""Headers of NumPy files and archives, checked before memory is allocated for the arrays."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.base.files.regular_file import USUAL, opened, reason

# What NumPy and zipfile raise for damaged files, beside `regular_file.USUAL`.
DAMAGED = (
    *(KeyError, IndexError, TypeError, AttributeError, OverflowError, NotImplementedError),
    *(RuntimeError, SyntaxError, struct.error, zipfile.BadZipFile, zlib.error),
    tokenize.TokenError,
)
# A member may have this size when unpacked, or this ratio to its packed size: weights hardly
# compress, and DEFLATE can turn one byte into a thousand.
UNPACKED, RATIO = 2**30, 100


class Array(NamedTuple):
    """One array of an archive.

    Attributes:
        name: its name, without the suffix.
        shape: the shape in its header.
        dtype: the type in its header.
        fault: why it cannot be read; empty if it can.
        member: its entry in the archive.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fault: str
    member: zipfile.ZipInfo


def header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array at the position of the open file."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version > (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def fault(shape: tuple[int, ...], dtype: np.dtype, size: int) -> str:
    """Why an array cannot be read from a file of this size; empty if it can."""
    if dtype.hasobject:
        return "its objects are never unpickled"
    if min(shape, default=0) < 0:
        return "its header has a negative size"
    # An item of zero bytes counts as one: any number of them would fit.
    short = math.prod(shape) * max(dtype.itemsize, 1) > size
    return "it is shorter than its header says" if short else ""


def arrays(path: Path) -> list[Array]:
    """The arrays of an archive, each with its fault if it has one.

    Raises:
        OSError: if the file cannot be opened.
        Exception: one of `DAMAGED`, if the archive as a whole is damaged.
    """
    with opened(path) as file, zipfile.ZipFile(file) as archive:
        return [_array(archive, info) for info in archive.infolist()]


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    name, unknown = info.filename.removesuffix(".npy"), ((), np.dtype("V1"))
    if cause := oversized(info):
        return Array(name, *unknown, cause, info)
    try:
        with archive.open(info) as member:
            shape, dtype = header(member)
    except (*USUAL, *DAMAGED) as error:
        return Array(name, *unknown, reason(error), info)
    return Array(name, shape, dtype, fault(shape, dtype, info.file_size), info)


def oversized(info: zipfile.ZipInfo) -> str:
    """Why a member of an archive is not unpacked; empty if it may be."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is packed by a method that is not read"
    if info.file_size > max(UNPACKED, RATIO * info.compress_size):
        return f"it unpacks to {info.file_size:,} bytes, over {RATIO} times its packed size"
    return ""
