"""The language of a notebook, and the kernel that runs it: this very Python, or one installed."""

from __future__ import annotations

import re
from typing import NamedTuple

import nbformat

from workbench.base.checks import refuse

_PYTHON = re.compile(r"i?python[0-9.]*", re.IGNORECASE)
# What a kernel's name says of its language, where the notebook says nothing else.
_BY_NAME = {"ir": "R", "julia": "julia", "bash": "bash", "matlab": "matlab", "octave": "octave"}
_BY_NAME |= {"scala": "scala", "almond": "scala", "deno": "typescript", "javascript": "javascript"}
_BY_NAME |= {
    ".net-csharp": "C#",
    ".net-fsharp": "F#",
    "rust": "rust",
    "xcpp": "c++",
    "ruby": "ruby",
}
_BY_NAME |= {"sagemath": "sage", "ihaskell": "haskell", "gophernotes": "go", "lua": "lua"}


class Language(NamedTuple):
    """A notebook's language, and the name of its kernel as the notebook has it."""

    name: str = "python"
    kernel: str = "python3"

    @property
    def is_python(self) -> bool:
        """Whether this Python runs the notebook, whatever environment its kernel's name means."""
        return bool(_PYTHON.fullmatch(self.name))


def language_of(notebook: nbformat.NotebookNode) -> Language:
    """What the notebook's kernel, its language, or an installed kernel of that name says."""
    spec = notebook.metadata.get("kernelspec") or {}
    kernel = str(spec.get("name") or "")
    known = spec.get("language") or (notebook.metadata.get("language_info") or {}).get("name")
    name = str(known or _installed_language(kernel) or _named(kernel) or "python")
    return Language() if _PYTHON.fullmatch(name) else Language(name, kernel or name)


def installed(language: Language) -> Language:
    """The language with the name of a kernel that is installed here: its own, or one as good.

    Raises:
        ValueError: if there is none, or papermill does not know how to set a value for it.
    """
    if language.is_python:
        return language
    from jupyter_client.kernelspec import KernelSpecManager

    manager = KernelSpecManager()
    specs = manager.get_all_specs()
    same = [n for n, s in specs.items() if _is_same(s["spec"].get("language"), language.name)]
    if language.kernel not in specs and not same:
        there = ", ".join(sorted(specs)) or "none"
        what = f"one whose kernel for {language.name} is installed (there is {there})"
        refuse("notebook", what, language.kernel)
    kernel = language.kernel if language.kernel in specs else same[0]
    return Language(translated(kernel, language.name), kernel)


def translated(kernel: str, name: str) -> str:
    """The language as papermill spells it, which tells capitals apart."""
    # Only other languages need it; loading it takes longer than a call of most experiments.
    from papermill.exceptions import PapermillException
    from papermill.translators import papermill_translators

    for spelled in (name, name.lower(), name.upper()):
        try:
            papermill_translators.find_translator(kernel, spelled)
        except PapermillException:
            continue
        return spelled
    return name


def _installed_language(kernel: str) -> str | None:
    if not kernel or _PYTHON.fullmatch(kernel):
        return None
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        return KernelSpecManager().get_kernel_spec(kernel).language
    except (NoSuchKernel, ValueError, OSError):
        return None


def _named(kernel: str) -> str | None:
    return next((one for name, one in _BY_NAME.items() if kernel.lower().startswith(name)), None)


def _is_same(language: str | None, other: str) -> bool:
    return (language or "").lower() == other.lower()
