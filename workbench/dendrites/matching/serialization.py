"""The file format of a detector: 128 bytes of header, then the synapse lists, row by row.

    bytes  0-7    what the file is           8-11   version
          12-43   BLAKE2b of all that follows
          44-91   cells, rows, synapses, threshold (8 bytes each), method (16 bytes)
          92-107  8 bytes unused, bytes an index, bytes a segment number (0 or 8)
         108-127  zeros, so that the lists are aligned for the processor when the file is mapped
         128-     cell indices, uint16 or uint32, (rows, synapses); `cells` where there is none
                  segment numbers, int64, one a row, unless the rows are numbered 0, 1, …

All numbers are little-endian. No object is ever unpickled.
"""

from __future__ import annotations

import os
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from workbench.base.checks import refuse
from workbench.base.files.atomic import written
from workbench.base.files.regular_file import opened
from workbench.dendrites.matching.segment_store import Store

# The first byte is no text and the line ends change in transfers that take the file for text.
MAGIC = b"\x89SEGS\r\n\x1a"
VERSION = 1
HEAD = struct.Struct("<8sI32s")
FIELDS = struct.Struct("<QQQQ16s8xII20x")
HEADER = HEAD.size + FIELDS.size
# Rows without synapses take no room in the file, and neither do synapses without rows.
MOST_ROWS, MOST_SYNAPSES = 2**32, 2**24


def write(path: str | os.PathLike, store: Store, threshold: int, method: str) -> None:
    """Writes the file under a name of its own, then moves it to `path` in one step.

    A reader of `path` sees the old file or the new one, even if this process dies.
    """
    path = Path(path)
    lists = store.lists()
    numbers = np.zeros(0) if store.numbers is None else store.numbers
    sizes = lists.dtype.itemsize, 0 if store.numbers is None else 8
    fields = FIELDS.pack(store.cells, *lists.shape, threshold, method.encode(), *sizes)
    parts = lists.reshape(-1).astype(f"<u{sizes[0]}"), numbers.astype("<i8")
    values = np.concatenate([part.view(np.uint8) for part in parts])
    with written(path) as place, place.open("xb") as file:
        file.write(HEAD.pack(MAGIC, VERSION, _checksum(fields, values)))
        file.write(fields)
        file.write(values.data)
        file.flush()
        os.fsync(file.fileno())


def read(path: str | os.PathLike) -> dict[str, Any]:
    """The stored detector as constructor arguments.

    Raises:
        OSError: if the file cannot be read or is no regular file.
        ValueError: if the file is no detector file, truncated or too long, damaged, of another
            version, or has fields that no detector can have.
    """
    name = os.fspath(path)
    with opened(path) as file:
        head, fields = file.read(HEAD.size), file.read(FIELDS.size)
        _check_head(name, head, fields)
        cells, rows, synapses, threshold, method, item, each = FIELDS.unpack(fields)
        size = rows * (synapses * item + each)
        if os.fstat(file.fileno()).st_size != HEADER + size:
            refuse("path", f"a whole detector file, here of {HEADER + size} bytes", name)
        values = np.fromfile(file, np.uint8, size)
    if HEAD.unpack(head)[2] != _checksum(fields, values):
        refuse("path", "an undamaged detector file, whose checksum agrees", name)
    # Whoever changes a file can also write its checksum.
    if item not in (2, 4) or each not in (0, 8):
        refuse("path", "a detector file of 2 or 4 bytes an index, 0 or 8 a number", (item, each))
    if rows > MOST_ROWS or synapses > MOST_SYNAPSES:
        what = f"a detector file of at most {MOST_ROWS} rows and {MOST_SYNAPSES} synapses"
        refuse("path", what, (rows, synapses))
    lists = values[: rows * synapses * item].view(f"<u{item}").reshape(rows, synapses)
    return {
        "segments": lists,
        "cells": cells,
        "threshold": threshold,
        "method": method.rstrip(b"\0").decode("latin-1"),
        "padding": cells if (lists == cells).any() else None,
        "numbers": values[rows * synapses * item :].view("<i8") if each else None,
    }


def _check_head(name: str, head: bytes, fields: bytes) -> None:
    if head[: len(MAGIC)] != MAGIC[: len(head)] or not head:
        refuse("path", "a detector file", name)
    if len(head) + len(fields) < HEADER:
        refuse("path", f"a whole detector file, of at least {HEADER} bytes", name)
    version = HEAD.unpack(head)[1]
    if version != VERSION:
        refuse("path", f"a detector file of version {VERSION}", f"{name}, version {version}")


def _checksum(fields: bytes, values: np.ndarray) -> bytes:
    digest = blake2b(fields, digest_size=32)
    digest.update(values.data)
    return digest.digest()
