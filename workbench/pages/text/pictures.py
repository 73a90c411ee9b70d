"""Embeds the pictures of a page's text as data; a note replaces each that cannot be embedded."""

from __future__ import annotations

import base64
import html
import mimetypes
import re
from pathlib import Path
from urllib.parse import unquote

from workbench.base.checks import clipped
from workbench.base.files.regular_file import content

# Bytes of the largest picture on a page.
LARGEST = 2**25
_LONGEST_NAME = 300
# A tag up to its end or that of the text, as browsers parse it; linear in time.
_REST = r"(?:\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|[^'\">]+)*+(?:>|\Z)"
_TAGS = re.compile(rf"<(?P<name>img|image|feimage|use|input|/?svg)\b{_REST}|<[a-z/]{_REST}", re.I)
_NAMED = r"""(?<![\w:-])%s\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
_SRC, _HREF, _ALT, _TYPE = (
    re.compile(_NAMED % name, re.I) for name in ("src", "(?:xlink:)?href", "alt", "type")
)
# The first bytes of PNG, JPEG, GIF, BMP, icons and TIFF, and of AVIF and HEIC after four bytes.
_SIGNATURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"BM",
    b"\0\0\1\0",
    b"II*\0",
    b"MM\0*",
)
_BOXES = (b"ftypavif", b"ftypavis", b"ftypheic", b"ftypmif1")


def embedded(source: str, folder: str) -> str:
    """The HTML with its pictures as data, or with notes.

    A note on a picture within a drawing follows the drawing, which cannot contain it.

    Args:
        source: HTML.
        folder: the notebook's folder; pictures in or below it are read. Empty for none.
    """
    embedding = _Embedding(folder)
    return embedding.of(source) + embedding.notes()


def embedded_in_drawing(svg: str, folder: str) -> tuple[str, str]:
    """An SVG document with its pictures as data, and the notes on the other ones."""
    embedding = _Embedding(folder, is_drawing=True)
    return embedding.of(svg), embedding.notes()


class _Embedding:
    def __init__(self, folder: str, is_drawing: bool = False):
        self._folder, self._is_drawing = folder, is_drawing
        self._depth, self._notes = 0, []

    def of(self, source: str) -> str:
        return _TAGS.sub(self._replacement, source)

    def notes(self) -> str:
        """The notes since the last call."""
        text = "".join(self._notes)
        self._notes.clear()
        return text

    def _replacement(self, match: re.Match[str]) -> str:
        tag, name = match[0], (match["name"] or "").lower()
        if name == "svg":
            self._depth += not tag.endswith("/>")
        elif name == "/svg":
            self._depth = max(0, self._depth - 1)
            if self._depth == 0 and not self._is_drawing:
                return tag + self.notes()
        elif self._depth and name in ("image", "feimage", "use"):
            tag, note = _picture(tag, name, self._folder, in_drawing=True)
            self._notes.append(note)
        elif name in ("img", "image") or _is_picture_button(name, tag):
            return "".join(_picture(tag, name, self._folder, in_drawing=False))
        return tag


def value_of(pattern: re.Pattern[str], tag: str) -> str | None:
    """The value of an attribute of the tag."""
    match = pattern.search(tag)
    return match and html.unescape(next(v for v in match.groups() if v is not None))


def source_of(tag: str) -> str | None:
    """The address of the tag's picture, video or frame."""
    return value_of(_SRC, tag)


def _is_picture_button(name: str, tag: str) -> bool:
    return name == "input" and (value_of(_TYPE, tag) or "").strip().lower() == "image"


def _picture(tag: str, name: str, folder: str, in_drawing: bool) -> tuple[str, str]:
    """The tag as the page has it, and the note if the page cannot have its picture."""
    attribute = _HREF if in_drawing else _SRC
    address = (value_of(attribute, tag) or "").strip()
    if in_drawing and (not address or address.startswith("#")):
        return tag, ""
    is_data = address.startswith("data:image/")
    data = None if name == "use" else address if is_data else _data(address, folder)
    alt = value_of(_ALT, tag)
    if data is None:
        named = f"“{alt}”, {address}" if alt and address else alt or address
        named = clipped(named or "one without an address", _LONGEST_NAME)
        kind = "drawing" if name == "use" else "picture"
        text = html.escape(f"[{kind}: {named}; it is not part of this page]")
        return "", f'<span class="refused">{text}</span>'
    if name == "input":
        return f'<img alt="{html.escape(alt or "")}" src="{html.escape(data)}">', ""
    if is_data:
        return tag, ""
    embedding = f'{"href" if in_drawing else "src"}="{data}"'
    return attribute.sub(lambda _: embedding, tag, count=1), ""


def _data(address: str, folder: str) -> str | None:
    """The file as a data URL, if it is a picture in or below the folder."""
    if not address or not folder or "\0" in address:
        return None
    base = Path(folder).absolute()
    without_query = re.sub(r"[?#].*", "", address)
    for name in dict.fromkeys([address, unquote(address), unquote(without_query)]):
        try:
            # A page is passed on, so neither a link nor a name like that of a picture may bring in
            # another file: the resolved path and the first bytes are checked.
            path = (base / name).resolve()
            kind, _ = mimetypes.guess_type(path.name)
            if path.is_relative_to(base.resolve()) and kind and kind.startswith("image/"):
                file = content(path, LARGEST)
                if _is_picture(file):
                    return f"data:{kind};base64,{base64.b64encode(file).decode()}"
        except (OSError, ValueError, RuntimeError):  # it cannot be read
            continue
    return None


def _is_picture(file: bytes) -> bool:
    """Whether the first bytes are those of a format that browsers draw."""
    if file.startswith(_SIGNATURES) or file[4:12] in _BOXES or file[8:12] == b"WEBP":
        return True
    return file.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") and b"<svg" in file[:4096]
