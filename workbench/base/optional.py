"""Packages that the primitives need for some uses only."""

from __future__ import annotations

import importlib
from typing import Any


def optional(module: str, package: str, use: str) -> Any:
    """A module of a package that `pip install paper-workbench` alone does not bring.

    Args:
        module: its dotted name.
        package: what pip installs.
        use: what needs it, as the first words of the error.

    Raises:
        ModuleNotFoundError: if the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # What is missing inside the package is another error.
        if error.name != module.split(".")[0]:
            raise
        sentence = f"{use} needs the package {package}, which is not installed: pip install"
        raise ModuleNotFoundError(f"{sentence} {package}", name=error.name) from None
