"""A notebook file as people have it: what is missing is filled in, what cannot be read is named.

Notebooks are written by hand, by scripts and by old programs. Whatever Jupyter would fill in or
execute anew is repaired in memory; outputs of an earlier session are dropped, as a run makes them.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from workbench.base.files.regular_file import content

# Bytes of a notebook with all its outputs, whose JSON takes some times as much memory.
LARGEST = 2**27
_KINDS = ("code", "markdown", "raw")


def parsed(path: Path) -> nbformat.NotebookNode:
    """The notebook in the file, upgraded to format 4.5, without outputs.

    Raises:
        ValueError: if it is none; the words, without a subject, name the fault and its place.
        OSError: if the file cannot be read.
    """
    try:
        document = json.loads(content(path, LARGEST).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"it is no JSON at {place}: {error.msg}") from None
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    version = _checked(document)
    try:
        # Formats before 4 have classes of their own; the result is one of mappings.
        document = document if version == 4 else nbformat.reads(_older(document), as_version=4)
        notebook = nbformat.from_dict(_repaired(document))
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise ValueError(" ".join(str(error).partition("\n\n")[0].split())) from None
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        fault = f"{type(error).__name__}: {error}"
        raise ValueError(f"it is not of its format, {version} ({fault})") from None
    return notebook


def _checked(held: Any) -> int:
    """The version of the format, after a look at the outermost level."""
    if not isinstance(held, dict):
        raise ValueError(f"a mapping must be outermost, and {type(held).__name__} is")
    version = held.get("nbformat", 4 if "cells" in held else 3 if "worksheets" in held else None)
    if version is None:
        raise ValueError("`nbformat` and `cells` are missing")
    if type(version) is not int or not 1 <= version <= 4:
        raise ValueError(f"`nbformat` is {version!r}, and formats 1 to 4 are read")
    if version == 4 and not isinstance(held.get("cells"), list):
        raise ValueError("`cells` is no list" if "cells" in held else "`cells` is missing")
    return version


def _older(held: dict[str, Any]) -> str:
    """A notebook of an older format without its outputs, which may be of any shape."""
    for sheet in [held, *held.get("worksheets", [])]:
        for cell in sheet.get("cells", []):
            cell |= {"outputs": [], "metadata": _mapping(cell.get("metadata"))}
    held.setdefault("nbformat_minor", 0)
    held["metadata"] = _mapping(held.get("metadata"))
    return json.dumps(held)


def _repaired(held: dict[str, Any]) -> dict[str, Any]:
    """The notebook with defaults for all that a run can do without."""
    metadata = dict(_mapping(held.get("metadata")))
    for name in ("orig_nbformat", "widgets"):  # what an earlier session left
        metadata.pop(name, None)
    kernel, language = (metadata.pop(n, None) for n in ("kernelspec", "language_info"))
    if kernel and isinstance(kernel, dict):
        name = kernel.get("name") or "python3"
        metadata["kernelspec"] = {"display_name": name} | kernel | {"name": name}
    if language and isinstance(language, dict):
        metadata["language_info"] = {"name": "python"} | language
    taken: set[str] = set()
    for number, cell in enumerate(held["cells"], 1):
        if not isinstance(cell, dict):
            raise ValueError(f"cell {number} is no mapping")
        _repair_cell(cell, number)
        cell_id = cell.get("id")
        is_fit = isinstance(cell_id, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell_id)
        if not is_fit or cell_id in taken:
            cell_id = next(i for i in _names(number) if i not in taken)
        taken.add(cell_id)
        cell["id"] = cell_id
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": held["cells"]}


def _names(number: int) -> Iterator[str]:
    """Ids for a cell that has none, or another's."""
    yield f"cell-{number}"
    yield from (f"cell-{number}-{again}" for again in itertools.count(2))


def _repair_cell(cell: dict[str, Any], number: int) -> None:
    kind = cell.setdefault("cell_type", "code")
    if kind not in _KINDS:
        raise ValueError(f"`cell_type` of cell {number} is {kind!r}, none of {', '.join(_KINDS)}")
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise ValueError(f"`source` of cell {number} is no text")
    cell["source"] = source
    metadata = dict(_mapping(cell.get("metadata")))
    # Marks of front ends, which the format checks and a run does not read.
    for name in ("collapsed", "scrolled", "name", "format", "execution"):
        metadata.pop(name, None)
    if not isinstance(metadata.get("jupyter", {}), dict):
        del metadata["jupyter"]
    tags = metadata.get("tags", [])
    tags = tags.replace(",", " ").split() if isinstance(tags, str) else tags or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError(f"`tags` of cell {number} is no list of texts")
    if "tags" in metadata:
        metadata["tags"] = list(dict.fromkeys(tags))
    attachments, name = cell.get("attachments"), cell.get("id")
    cell.clear()
    cell |= {"cell_type": kind, "id": name, "metadata": metadata, "source": source}
    if kind == "code":
        cell |= {"outputs": [], "execution_count": None}
    elif isinstance(attachments, dict):
        cell["attachments"] = attachments


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
