"""The arrays of a weight file of each format, their kinds and shapes first and their numbers later.

Nothing in a file is ever executed: NumPy's files are read without pickles, torch's by its
weights-only loader, and links in HDF5 files are not followed.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workbench.base.checks import refuse
from workbench.base.files import regular_file
from workbench.base.files.numpy_file import DAMAGED, arrays, fault, header, oversized
from workbench.base.files.regular_file import reason, refused
from workbench.inits.weights.reading.optimisers import is_named_so, is_state
from workbench.inits.weights.reading.stored_numbers import EIGHT, Stored, decoded

# safetensors' names of what NumPy calls otherwise.
KINDS = {"BOOL": "bool", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
KINDS |= {"F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "C64": "complex64"}
WORDS = {"F": "float", "I": "int", "U": "uint"}

# Containers and tensors of a file of torch's, and how deep it nests them, at most.
MOST, DEEPEST = 10**6, 100

Named = Iterator[tuple[str, Stored]]


def safetensors(file: Path) -> Named:
    """Of a `.safetensors` file, whose header the package of that name checks."""
    package = _package("safetensors")
    errors = package.SafetensorError, TypeError
    with refused("weights_file", "readable as safetensors", file.name, errors):
        regular_file.check(file)
        with package.safe_open(file, framework="np") as opened:
            names = list(opened.keys())
        with regular_file.opened(file) as raw:
            length = int.from_bytes(raw.read(8), "little")
            header = json.loads(raw.read(length))
    for name in names:
        about = header[name]
        kind = KINDS.get(about["dtype"]) or _numpy_kind(about["dtype"])
        begin, end = about["data_offsets"]
        shape = tuple(about["shape"])
        yield (
            name,
            Stored(kind, shape, partial(_raw, file, kind, shape, 8 + length + begin, end - begin)),
        )


def _numpy_kind(kind: str) -> str:
    parts = re.fullmatch(r"([FIU])(8|16|32|64)", kind)
    return WORDS[parts[1]] + parts[2] if parts else kind


def _raw(file: Path, kind: str, shape: tuple[int, ...], start: int, size: int) -> np.ndarray:
    plain = {"bfloat16": "<u2", **dict.fromkeys(EIGHT, "u1")}.get(kind)
    stored = np.dtype(plain or kind).newbyteorder("<")
    numbers = np.fromfile(file, stored, size // stored.itemsize, offset=start).reshape(shape)
    return decoded(kind, numbers) if plain else numbers


def npz(file: Path) -> Named:
    """Of NumPy's archive; a damaged member, or one of objects, has its fault."""
    with refused("weights_file", "an archive of plain arrays", file.name, DAMAGED):
        stored = arrays(file)
    for array in stored:
        kind = "unknown" if array.fault and not array.shape else _kind(array.dtype)
        read = partial(_unzipped, file, array.member)
        yield array.name, Stored(kind, array.shape, read, array.fault)


def npy(file: Path) -> Named:
    """Of NumPy's file of one array, which gets the file's name."""
    words = "a whole NumPy file"
    with refused("weights_file", words, file.name, DAMAGED), regular_file.opened(file) as opened:
        shape, dtype = header(opened)
        words = fault(shape, dtype, file.stat().st_size - opened.tell())
    yield file.stem, Stored(_kind(dtype), shape, partial(_mapped, file), words)


def _mapped(file: Path) -> np.ndarray:
    return _native(np.load(file, mmap_mode="r", allow_pickle=False))


def _kind(dtype: np.dtype) -> str:
    # NumPy writes ml_dtypes' bfloat16 as two bytes of no kind.
    return "bfloat16" if dtype == np.dtype("V2") else dtype.name


def _unzipped(file: Path, info: zipfile.ZipInfo) -> np.ndarray:
    with zipfile.ZipFile(file) as archive, archive.open(info) as member:
        return _native(np.lib.format.read_array(member, allow_pickle=False))


def _native(value: np.ndarray) -> np.ndarray:
    """In this machine's order of bytes, bfloat16 as float32."""
    if value.dtype == np.dtype("V2"):
        return decoded("bfloat16", value.view("<u2"))
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def torch(file: Path) -> Named:
    """Of a file of torch's, wherever in its nested containers they lie."""
    package = _package("torch")
    words = "readable by torch's weights-only loader"
    with refused("weights_file", words, file.name, DAMAGED):
        is_archive = _checked_archive(file)
    # Mapped, so that a tensor is in memory only while it is looked at; files older than torch 1.6
    # are no archives and have to be read whole.
    try:
        options = {"map_location": "cpu", "weights_only": True, "mmap": is_archive}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = package.load(file, **options)
    except Exception as error:  # torch checks little: its unpickler raises what it stumbles on
        held = re.search(r"GLOBAL (\S+)", str(error))
        why = f"tensors alone, no {held[1]}: save a state_dict()" if held else reason(error)
        refuse("weights_file", f"{words} ({why})", file.name)
    tensors = list(_tensors(package, file, loaded))
    # A wrapper around all (`state_dict`, `model`) is no part of a name.
    heads = {n.split(".")[0] for n, _, state in tensors if not (state or is_named_so(n))}
    wrapper = f"{next(iter(heads))}." if len(heads) == 1 and _is_wrapped(loaded, heads) else ""
    for name, value, state in tensors:
        stored = _tensor(package, value)
        fault = "part of an optimiser's state" if state else stored.fault
        yield name.removeprefix(wrapper), stored._replace(fault=fault)


def _is_wrapped(loaded: Any, heads: set[str]) -> bool:
    return isinstance(loaded, dict) and isinstance(loaded.get(next(iter(heads))), dict)


def _checked_archive(file: Path) -> bool:
    """Whether the file is an archive; one whose members would take much memory is refused."""
    with regular_file.opened(file) as opened:
        if not zipfile.is_zipfile(opened):
            return False
        with zipfile.ZipFile(opened) as archive:
            for info in archive.infolist():
                if words := oversized(info):
                    refuse("weights_file", f"an archive of plain arrays ({words})", file.name)
    return True


def _tensors(package: Any, file: Path, loaded: Any) -> Iterator[tuple[str, Any, bool]]:
    """Names and tensors of nested containers in order, and whether an optimiser remembers them."""
    waiting, seen = [("", loaded, 0, False)], 0
    while waiting:
        name, value, depth, state = waiting.pop()
        seen += 1
        # A pickle can nest containers in themselves, or one in many others.
        if depth > DEEPEST or seen > MOST:
            words = f"of at most {MOST:,} parts, nested {DEEPEST} deep at most"
            refuse("weights_file", words, file.name)
        if isinstance(value, package.Tensor):
            yield name or "array", value, state
            continue
        items = value.items() if isinstance(value, dict) else ()
        items = enumerate(value) if isinstance(value, list | tuple) else items
        inner = [(k, v) for k, v in items if isinstance(v, package.Tensor | dict | list | tuple)]
        below = depth + 1, state or is_state(value)
        waiting += [(f"{name}.{k}" if name else str(k), v, *below) for k, v in reversed(inner)]


def _tensor(package: Any, value: Any) -> Stored:
    kind = str(value.dtype).removeprefix("torch.")
    memory = None
    if value.is_quantized:
        kind = "float32"
    elif value.layout == package.strided and value.device.type == "cpu" and value.numel():
        memory = (value.data_ptr(), tuple(value.shape), value.stride(), kind)

    def read() -> np.ndarray:
        dense = value.detach().dequantize() if value.is_quantized else value.detach()
        dense = dense if dense.layout == package.strided else dense.to_dense()
        return (dense.float() if kind in ("bfloat16", *EIGHT) else dense).numpy()

    fault = "it holds no numbers" if value.device.type == "meta" else ""
    return Stored(kind, tuple(value.shape), read, fault, memory)


def hdf5(file: Path) -> Named:
    """Of Keras's weights: `.h5`, or the one within a `.keras` archive."""
    package = _package("h5py")
    with refused("weights_file", "readable as HDF5", file.name, DAMAGED):
        regular_file.check(file)
        with _opened_hdf5(package, file) as opened:
            items: list = []
            opened.visititems(lambda name, item: items.append((name, item)))
            sets = [(n, d) for n, d in items if isinstance(d, package.Dataset)]
            stored = [(n, _dataset(package, file, n, d)) for n, d in sets if d.shape is not None]
    for name, array in stored:  # a name that is no UTF-8 comes as bytes
        yield name if isinstance(name, str) else name.decode("utf-8", "replace"), array


def _dataset(package: Any, file: Path, name: str, data: Any) -> Stored:
    words = "its numbers lie in another file" if data.external or data.is_virtual else ""
    return Stored(_kind(data.dtype), data.shape, partial(_numbers, package, file, name), words)


def _opened_hdf5(package: Any, file: Path) -> Any:
    if file.suffix == ".keras":
        archive = zipfile.ZipFile(file)
        info = archive.getinfo("model.weights.h5")
        if words := oversized(info):
            refuse("weights_file", f"a model that can be unpacked ({words})", file.name)
        return package.File(archive.open(info), "r")
    return package.File(file, "r")


def _numbers(package: Any, file: Path, name: str) -> np.ndarray:
    with _opened_hdf5(package, file) as opened:
        return _native(opened[name][()])


def _package(name: str) -> Any:
    if importlib.util.find_spec(name) is None:
        refuse("weights_file", f"of a kind whose package is installed; install {name}", name)
    return importlib.import_module(name)
