"""Primitives and experiments that put the claims of papers to the test."""

import sys

# `python -m workbench` looks for modules in the current folder first; from here on it looks there
# last. What Python itself has loaded before is beyond reach.
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    sys.path.append(sys.path.pop(0))

from workbench.base.results import record  # noqa: E402

__all__ = ["record"]
