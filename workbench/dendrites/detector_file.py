"""The file a detector is kept in: 128 bytes of header, then the synapse lists, row by row.

    bytes  0-7    what the file is           8-11   version
          12-43   BLAKE2b of all that follows
          44-91   cells, segments, synapses, threshold (8 bytes each), method (16 bytes)
          92-127  zeros, so that the lists are aligned for the processor when the file is mapped
         128-     cell indices, uint16, (segments, synapses)

All numbers are little-endian. No object is ever unpickled.
"""

from __future__ import annotations

import os
import struct
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from workbench.checks import refuse

# The first byte is no text and the line ends change in transfers that take the file for text.
MAGIC = b"\x89SEGS\r\n\x1a"
VERSION = 1
HEAD = struct.Struct("<8sI32s")
FIELDS = struct.Struct("<QQQQ16s36x")
HEADER = HEAD.size + FIELDS.size


def write(
    path: str | os.PathLike, lists: np.ndarray, cells: int, threshold: int, method: str
) -> None:
    """Writes the file under a name of its own, then moves it to `path` in one step.

    Whoever reads `path` meets the old file or the new one, also when this process dies meanwhile.
    """
    path = Path(path)
    values = np.ascontiguousarray(lists, dtype="<u2").reshape(-1)
    fields = FIELDS.pack(cells, *lists.shape, threshold, method.encode())
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(HEAD.pack(MAGIC, VERSION, _checksum(fields, values)))
            file.write(fields)
            file.write(values.data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: str | os.PathLike) -> dict[str, Any]:
    """What `write` was given, as the arguments of a detector.

    Raises:
        ValueError: if the file is foreign, cut short or longer, damaged, or of another version.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        head, fields = file.read(HEAD.size), file.read(FIELDS.size)
        _check_head(name, head, fields)
        cells, segments, synapses, threshold, method = FIELDS.unpack(fields)
        size = HEADER + 2 * segments * synapses
        if os.fstat(file.fileno()).st_size != size:
            refuse("path", f"a whole detector file, here of {size} bytes", name)
        values = np.fromfile(file, "<u2", segments * synapses)
    if HEAD.unpack(head)[2] != _checksum(fields, values):
        refuse("path", "an undamaged detector file, whose checksum agrees", name)
    return {
        "segments": values.reshape(segments, synapses),
        "cells": cells,
        "threshold": threshold,
        "method": method.rstrip(b"\0").decode(),
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
    digest.update(values)
    return digest.digest()


def _umask() -> int:
    """The process's mask of file permissions, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
