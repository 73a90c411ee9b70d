"""A table for download: a link in the notebook, and on a page all of its text."""

from __future__ import annotations

import base64
import html
from typing import Any


class Download:
    """Comma-separated values under a file name, shown as a link.

    A page builds its own link from the text, because it strips data links from outputs.
    """

    def __init__(self, name: str, text: str):
        """Takes the file's name and its text."""
        self.name, self.text = name, text

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        shown = {"text/plain": self.name, "text/html": link(self.name, self.text)}
        return {**shown, "text/csv": self.text}, {"text/csv": {"name": self.name}}


def link(name: str, text: str) -> str:
    """The link as HTML; it saves the text in UTF-8, byte by byte."""
    content = text.encode()
    data = base64.b64encode(content).decode()
    label = html.escape(name)
    return (
        f'<p><a download="{label}" href="data:text/csv;charset=utf-8;base64,{data}">{label}</a> '
        f"({len(content):,} bytes)</p>"
    )
