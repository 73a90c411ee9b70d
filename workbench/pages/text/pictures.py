"""Pictures within a page's text: those beside the notebook are taken in, others become words."""

from __future__ import annotations

import base64
import html
import mimetypes
import re
from pathlib import Path
from urllib.parse import unquote

from workbench.base.files.regular_file import content

_IMG = re.compile(r"<img\b(?:\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|[^'\">]+)*+(?:>|\Z)", re.I)
_NAMED = r"""(?<![\w-])%s\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
_SRC, _ALT = (re.compile(_NAMED % name, re.I) for name in ("src", "alt"))


# Bytes of the largest picture that a page holds.
LARGEST = 2**25
# How PNG, JPEG, GIF, BMP, icons and TIFF begin, and AVIF and HEIC after four bytes.
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"\0\0\1\0", b"II*\0", b"MM\0*")
_BOXES = (b"ftypavif", b"ftypavis", b"ftypheic", b"ftypmif1")


def taken_in(source: str, folder: str) -> str:
    """The HTML with the data of its pictures; of one that it cannot have, a note in its place.

    Args:
        source: HTML.
        folder: where the notebook lies; pictures beside or below it are read. Empty for none.
    """
    return _IMG.sub(lambda found: _picture(found[0], folder), source)


def value_of(pattern: re.Pattern[str], tag: str) -> str | None:
    """An attribute of the tag."""
    found = pattern.search(tag)
    return found and html.unescape(next(v for v in found.groups() if v is not None))


def source_of(tag: str) -> str | None:
    """Where the tag's picture, video or frame lies."""
    return value_of(_SRC, tag)


def _picture(tag: str, folder: str) -> str:
    src = (value_of(_SRC, tag) or "").strip()
    if src.startswith("data:image/"):
        return tag
    if data := _data(src, folder):
        return _SRC.sub(lambda _: f'src="{data}"', tag, count=1)
    alt = value_of(_ALT, tag)
    named = f"“{alt}”, {src}" if alt and src else alt or src or "one without an address"
    return (
        f'<span class="refused">[picture: {html.escape(named)}; it is not part of this page]</span>'
    )


def _data(src: str, folder: str) -> str | None:
    """The file as a data URL, if it is a picture in the folder or below it."""
    if not src or not folder or "\0" in src:
        return None
    base = Path(folder).absolute()
    for name in dict.fromkeys([src, unquote(src), unquote(re.sub(r"[?#].*", "", src))]):
        try:
            # Where a link leads decides, as do the file's own name and its first bytes: a page is
            # passed on, and a picture's name may stand for any file that its maker can read.
            path = (base / name).resolve()
            kind, _ = mimetypes.guess_type(path.name)
            if path.is_relative_to(base.resolve()) and kind and kind.startswith("image/"):
                held = content(path, LARGEST)
                if _is_picture(held):
                    return f"data:{kind};base64,{base64.b64encode(held).decode()}"
        except (OSError, ValueError, RuntimeError):  # what cannot be read is not taken in
            continue
    return None


def _is_picture(held: bytes) -> bool:
    """Whether the first bytes are those of a format that browsers draw."""
    if held.startswith(_STARTS) or held[4:12] in _BOXES or held[8:12] == b"WEBP":
        return True
    return held.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") and b"<svg" in held[:4096]
