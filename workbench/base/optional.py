"""Optional dependencies of the primitives."""

from __future__ import annotations

import importlib
from typing import Any


def optional(module: str, package: str, use: str) -> Any:
    """Imports a module of a package that `pip install paper-workbench` alone does not install.

    Args:
        module: its dotted name.
        package: what pip installs.
        use: what needs it, the beginning of the error message.

    Raises:
        ModuleNotFoundError: if the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # The package itself may lack a dependency, which is another error.
        if error.name != module.split(".")[0]:
            raise
        sentence = f"{use} needs the package {package}, which is not installed: pip install"
        raise ModuleNotFoundError(f"{sentence} {package}", name=error.name) from None
