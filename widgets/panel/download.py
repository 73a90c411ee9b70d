"""A table that a reader can keep: a link in the notebook and on the page that holds it all."""

from __future__ import annotations

import base64
import html
from typing import Any


class Download:
    """Comma-separated values under a file's name, shown as a link.

    The page makes its own link of them, since it lets no link of an output carry data.
    """

    def __init__(self, name: str, text: str):
        """Takes the file's name and its text."""
        self.name, self.text = name, text

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        shown = {"text/plain": self.name, "text/html": link(self.name, self.text)}
        return {**shown, "text/csv": self.text}, {"text/csv": {"name": self.name}}


def link(name: str, text: str) -> str:
    """The link as HTML; what it saves is the text in UTF-8, byte by byte."""
    held = text.encode()
    data = base64.b64encode(held).decode()
    shown = html.escape(name)
    return (
        f'<p><a download="{shown}" href="data:text/csv;charset=utf-8;base64,{data}">{shown}</a> '
        f"({len(held):,} bytes)</p>"
    )
