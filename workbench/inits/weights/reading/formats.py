"""The arrays of a weight file of each format, their kinds and shapes first and their numbers later.

Nothing in a file is ever executed: NumPy's files are read without pickles, torch's by its
weights-only loader, and links in HDF5 files are not followed.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import re
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workbench.base.checks import refuse
from workbench.inits.weights.reading.optimisers import is_named_so, is_state
from workbench.inits.weights.reading.stored_numbers import EIGHT, Stored, decoded

# safetensors' names of what NumPy calls otherwise.
KINDS = {"BOOL": "bool", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
KINDS |= {"F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "C64": "complex64"}
WORDS = {"F": "float", "I": "int", "U": "uint"}

Named = Iterator[tuple[str, Stored]]


def safetensors(file: Path) -> Named:
    """Of a `.safetensors` file, whose header the package of that name checks."""
    package = _package("safetensors")
    try:
        with package.safe_open(file, framework="np") as opened:
            names = list(opened.keys())
    except (package.SafetensorError, OSError, TypeError, ValueError) as error:
        refuse("weights_file", f"readable as safetensors ({short(error)})", file.name)
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
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
    found = np.fromfile(file, stored, size // stored.itemsize, offset=start).reshape(shape)
    return decoded(kind, found) if plain else found


def npz(file: Path) -> Named:
    """Of NumPy's archive; a damaged member, or one of objects, has its fault."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            for info in members:
                name = info.filename.removesuffix(".npy")
                try:
                    with archive.open(info) as member:
                        yield name, _member(file, info, *_header(member))
                except BROKEN as error:
                    yield name, Stored("unknown", (), _nothing, short(error))
    except BROKEN as error:
        refuse("weights_file", f"an archive of plain arrays ({short(error)})", file.name)


def npy(file: Path) -> Named:
    """Of NumPy's file of one array, which gets the file's name."""
    try:
        with file.open("rb") as opened:
            shape, dtype = _header(opened)
        fault = "its objects are never unpickled" if dtype.hasobject else ""
        read = partial(_mapped, file)
        yield file.stem, Stored(_kind(dtype), shape, read, fault)
    except BROKEN as error:
        refuse("weights_file", f"a whole NumPy file ({short(error)})", file.name)


def _mapped(file: Path) -> np.ndarray:
    return _native(np.load(file, mmap_mode="r", allow_pickle=False))


def _header(opened: Any) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(opened)
    read = np.lib.format.read_array_header_1_0
    if version > (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(opened)
    return shape, dtype


def _kind(dtype: np.dtype) -> str:
    # NumPy writes ml_dtypes' bfloat16 as two bytes of no kind.
    return "bfloat16" if dtype == np.dtype("V2") else dtype.name


def _member(file: Path, info: zipfile.ZipInfo, shape: tuple[int, ...], dtype: np.dtype) -> Stored:
    fault = ""
    if dtype.hasobject:
        fault = "its objects are never unpickled"
    elif math.prod(shape) * dtype.itemsize > info.file_size:
        fault = "it is shorter than its header says"
    return Stored(_kind(dtype), shape, partial(_unzipped, file, info), fault)


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
    # Mapped, so that a tensor is in memory only while it is looked at; files older than torch 1.6
    # are no archives and have to be read whole.
    try:
        options = {"map_location": "cpu", "weights_only": True, "mmap": zipfile.is_zipfile(file)}
        loaded = package.load(file, **options)
    except Exception as error:  # torch checks little: its unpickler raises what it stumbles on
        held = re.search(r"GLOBAL (\S+)", str(error))
        why = f"tensors alone, no {held[1]}: save a state_dict()" if held else short(error)
        words = f"readable by torch's weights-only loader ({why})"
        refuse("weights_file", words, file.name)
    found = list(_tensors(package, "", loaded))
    # A wrapper around all (`state_dict`, `model`) is no part of a name.
    heads = {n.split(".")[0] for n, _, state in found if not (state or is_named_so(n))}
    wrapper = f"{next(iter(heads))}." if len(heads) == 1 and _is_wrapped(loaded, heads) else ""
    for name, value, state in found:
        stored = _tensor(package, value)
        fault = "part of an optimiser's state" if state else stored.fault
        yield name.removeprefix(wrapper), stored._replace(fault=fault)


def _is_wrapped(loaded: Any, heads: set[str]) -> bool:
    return isinstance(loaded, dict) and isinstance(loaded.get(next(iter(heads))), dict)


def _tensors(
    package: Any, name: str, value: Any, state: bool = False
) -> Iterator[tuple[str, Any, bool]]:
    """Names and tensors, and whether an optimiser remembers them."""
    if isinstance(value, package.Tensor):
        yield name or "array", value, state
        return
    items = value.items() if isinstance(value, dict) else ()
    for key, inner in enumerate(value) if isinstance(value, list | tuple) else items:
        path = f"{name}.{key}" if name else str(key)
        yield from _tensors(package, path, inner, state or is_state(value))


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
    try:
        with _opened_hdf5(package, file) as opened:
            found: list = []
            opened.visititems(lambda name, item: found.append((name, item)))
            for name, item in found:
                if isinstance(item, package.Dataset) and item.shape is not None:
                    read = partial(_dataset, package, file, name)
                    yield name, Stored(_kind(item.dtype), item.shape, read)
    except (RuntimeError, *BROKEN) as error:
        refuse("weights_file", f"readable as HDF5 ({short(error)})", file.name)


def _opened_hdf5(package: Any, file: Path) -> Any:
    if file.suffix == ".keras":
        return package.File(zipfile.ZipFile(file).open("model.weights.h5"), "r")
    return package.File(file, "r")


def _dataset(package: Any, file: Path, name: str) -> np.ndarray:
    with _opened_hdf5(package, file) as opened:
        return _native(opened[name][()])


def _nothing() -> np.ndarray:
    raise ValueError("it cannot be read")


def short(error: BaseException) -> str:
    """What an error says, in a few words of one line."""
    text = " ".join((str(error) or type(error).__name__).split())
    return text if len(text) <= 120 else text[:117] + "..."


def _broken() -> tuple[type[Exception], ...]:
    import tokenize
    import zlib

    errors = (OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, MemoryError)
    more = (SyntaxError, OverflowError, AttributeError, zipfile.BadZipFile, zlib.error)
    return *errors, *more, tokenize.TokenError


# What NumPy, zipfile and their like raise where a file is cut or its bytes are wrong.
BROKEN = _broken()


def _package(name: str) -> Any:
    if importlib.util.find_spec(name) is None:
        refuse("weights_file", f"of a kind whose package is installed; install {name}", name)
    return importlib.import_module(name)
