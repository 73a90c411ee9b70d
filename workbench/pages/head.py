"""The head of every page: its Content-Security-Policy and its style."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

from pygments.formatters import HtmlFormatter

_STYLE = Path(__file__).parent / "page_template" / "page.css"


def policy(scripts: Iterable[str]) -> str:
    """A Content-Security-Policy that allows the page's own scripts by hash, and nothing else."""
    hashes = " ".join(map(_hashed, scripts))
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; media-src data:; font-src data:; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _hashed(script: str) -> str:
    """The source expression of a script; cached, as hashing megabytes takes 10 ms and more."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


@functools.cache
def style() -> str:
    """The page's style and the colours of code in light and dark."""
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    night = "@media (prefers-color-scheme: dark) { @media not print {\n" + dark + "\n} }"
    own = _STYLE.read_text(encoding="utf-8")
    return "\n".join([light, night, own, ".highlight { background: none; }"])
