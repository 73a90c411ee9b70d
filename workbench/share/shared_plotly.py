"""Moves plotly's library out of pages into one file that they share, and back.

The library takes nine tenths of a page. A page without it loads the file by a relative path, from
disk or from any server. The Content-Security-Policy still admits only the page's own scripts and,
by `'strict-dynamic'`, the script that they load. Browsers check no `integrity` of files that are
opened from disk, so the content of the file is checked here.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import json
import os
import re
import stat
from pathlib import Path

from workbench.base.checks import refuse
from workbench.base.files.regular_file import content
from workbench.pages.plotly_library import installed_libraries
from workbench.runs.run_folder import write_text

# Bytes of the largest page; several copies of it are in memory.
_LARGEST = 2**28
_NAME = r"plotly-[0-9.]+-[0-9a-f]{16}\.js"
_INLINE = re.compile(r"<script>(/\*\*\n\* plotly\.js v([0-9.]+)\n)")
_LINKED = re.compile(
    rf'<script>(/\* library \*/ load\("((?:\.\./)*)({_NAME})"\);.*?)</script>', re.S
)
_LOADER = """/* library */ load(PLACE);
function load(place) {
  const library = document.createElement("script");
  library.src = place;
  library.onload = () => dispatchEvent(new Event("plotly"));
  library.onerror = () => document.querySelectorAll(".plot").forEach((plot) => {
    plot.textContent = "This figure needs the file " + place + " where this page looks for it.";
  });
  document.head.append(library);
}"""
_DYNAMIC = "'strict-dynamic'"
_WAITS = 'addEventListener("plotly", begin)'


def share(page: Path, root: Path) -> bool:
    """Moves the library from the page into a file in `root`; returns whether the page changed.

    The file's name has the version and the digest of its content. A file of that name with other
    content is replaced, or removed where the library is unknown, since pages would run it.

    Args:
        page: a page below `root`.
        root: the folder of all pages.

    Raises:
        OSError: if a file cannot be written.
        ValueError: if the page is not below the folder.
    """
    if not page.resolve().is_relative_to(root.resolve()):
        refuse("page", f"a file below {root}", str(page))
    text = _read(page)
    up = "../" * len(page.resolve().relative_to(root.resolve()).parent.parts)
    linked = _LINKED.search(text)
    if linked and linked[2] == up and _is_intact(root / linked[3]):
        return False
    whole = _inlined(text, page.parent)
    if linked and whole == text:
        _remove_impostor(page.parent / linked[2] / linked[3], root)
        return False
    match = _INLINE.search(whole)
    if match is None:
        return False
    library = whole[match.start(1) : whole.index("</script>", match.end())]
    # A page of an older workbench would not wait for a library that arrives later.
    if _admission(library) not in whole or _WAITS not in whole:
        return False
    name = f"plotly-{match[2]}-{_digest(library)}.js"
    loader = _LOADER.replace("PLACE", json.dumps(up + name))
    dynamic = f"{_admission(loader)} {_escaped(_DYNAMIC)}"
    new = whole[: match.start(1)] + loader + whole[match.start(1) + len(library) :]
    new = new.replace(_admission(library), dynamic, 1)
    # Durable before the first page that depends on it.
    if not _is_intact(root / name):
        write_text(root / name, library)
    if new != text:
        write_text(page, new, durable=False)
    return new != text


def inline(page: Path) -> bool:
    """Moves the library back into the page; returns whether the page changed."""
    new = standalone(page)
    if new == _read(page):
        return False
    write_text(page, new, durable=False)
    return True


def standalone(page: Path) -> str:
    """The page's text with the library in it; empty if the file is no page."""
    return _inlined(_read(page), page.parent)


def _inlined(text: str, folder: Path) -> str:
    """The page's text with its library in it; unchanged if the library is not available."""
    match = _LINKED.search(text)
    if match is None:
        return text
    loader, up, name = match.groups()
    digest = _digest_in(name)
    candidates = itertools.chain([_read(folder / up / name)], installed_libraries())
    library = next((c for c in candidates if _digest(c) == digest and "</script" not in c), None)
    if library is None:
        return text
    dynamic = f"{_admission(loader)} {_escaped(_DYNAMIC)}"
    new = text[: match.start(1)] + library + text[match.end(1) :]
    return new.replace(dynamic, _admission(library), 1)


def _is_intact(path: Path) -> bool:
    """Whether this is a regular file with the content that its name promises."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    state = status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
    return stat.S_ISREG(status.st_mode) and _has_digest(path, state)


@functools.lru_cache(maxsize=64)
def _has_digest(path: Path, _state: tuple[int, ...]) -> bool:
    return _digest(_read(path)) == _digest_in(path.name)


def _digest_in(name: str) -> str:
    return name.removesuffix(".js").rsplit("-", 1)[1]


def _remove_impostor(path: Path, root: Path) -> None:
    """Removes a file with another content than its name promises, if it is below `root`."""
    is_below = path.parent.resolve().is_relative_to(root.resolve())
    if is_below and (path.is_symlink() or path.is_file()) and not _is_intact(path):
        path.unlink()


def _read(path: Path) -> str:
    """The text of a page or a library; empty if the file is too large or no text."""
    try:
        # With its line ends, which change the digest.
        return content(path, _LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


# Most pages have the same library.
@functools.lru_cache(maxsize=8)
def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def _admission(script: str) -> str:
    """The source expression that admits the script, as it is written in the page's policy."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _escaped(f"'sha256-{digest}'")


def _escaped(text: str) -> str:
    """The text as the page's template escapes it."""
    return text.replace("'", "&#39;")
