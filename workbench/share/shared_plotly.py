"""Plotly's library once beside many pages instead of within each, and back again.

The library, or the part of it that a page draws with, takes more room than all else in the page;
kept once, it leaves two hundred pages a tenth of their size. The page then loads the library by a
path relative to itself, from disk or from any server. Its policy still admits only its own scripts,
and through `'strict-dynamic'` the one script that they load; nothing else in the page can load any.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from pathlib import Path

from workbench.base.checks import refuse
from workbench.base.files.regular_file import content
from workbench.runs.run_folder import write_text

# Bytes of the largest page, of which several copies are in memory.
_LARGEST = 2**28
_NAME = r"plotly-[0-9.]+-[0-9a-f]{16}\.js"
_WITHIN = re.compile(r"<script>(/\*\*\n\* plotly\.js v([0-9.]+)\n)")
_BESIDE = re.compile(
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
    """Moves the library out of the page into a file in `root`; whether the page was changed.

    The file bears the version and the hash of what it holds, so that pages of several versions lie
    beside each other, and no page can put another script in its place.

    Args:
        page: a page below `root`.
        root: the folder of all pages, which travels with them.

    Raises:
        ValueError: if the page does not lie below the folder.
    """
    if not page.resolve().is_relative_to(root.resolve()):
        refuse("page", f"a file below {root}", str(page))
    text = _read(page)
    up = "../" * len(page.resolve().relative_to(root.resolve()).parent.parts)
    beside = _BESIDE.search(text)
    if beside and beside[2] == up and (root / beside[3]).is_file():
        return False
    text = _inlined(text, page.parent)
    found = _WITHIN.search(text)
    if found is None:
        return False
    library = text[found.start(1) : text.index("</script>", found.end())]
    # A page of an older workbench would not wait for a library that arrives later.
    if _admission(library) not in text or _WAITS not in text:
        return False
    name = f"plotly-{found[2]}-{_digest(library)}.js"
    loader = _LOADER.replace("PLACE", json.dumps(up + name))
    dynamic = f"{_admission(loader)} {_escaped(_DYNAMIC)}"
    new = text[: found.start(1)] + loader + text[found.start(1) + len(library) :]
    # Pages lean on the library, so that it is to be safe on the disk before the first of them.
    if not (root / name).is_file():
        write_text(root / name, library)
    write_text(page, new.replace(_admission(library), dynamic, 1), durable=False)
    return True


def inline(page: Path) -> bool:
    """Takes the library back into the page, which then travels alone; whether it was changed."""
    new = standalone(page)
    if new == _read(page):
        return False
    write_text(page, new, durable=False)
    return True


def standalone(page: Path) -> str:
    """The page's text with the library in it, wherever that is now; nothing if it is no page."""
    return _inlined(_read(page), page.parent)


def _inlined(text: str, folder: Path) -> str:
    """The page's text with its library in it; as it is where the library cannot be found."""
    found = _BESIDE.search(text)
    if found is None:
        return text
    loader, up, name = found.groups()
    library = _read(folder / up / name)
    # The name tells what the file must hold; a script put in its place is left alone.
    if _digest(library) != name.removesuffix(".js").rsplit("-", 1)[1] or "</script" in library:
        return text
    dynamic = f"{_admission(loader)} {_escaped(_DYNAMIC)}"
    new = text[: found.start(1)] + library + text[found.end(1) :]
    return new.replace(dynamic, _admission(library), 1)


def _read(path: Path) -> str:
    """The text of a page or a library; nothing where it is too large, or is none."""
    try:
        # Line ends decide hashes.
        return content(path, _LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


# Most pages hold the same megabytes.
@functools.lru_cache(maxsize=8)
def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def _admission(script: str) -> str:
    """How the page's policy names the script it admits."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _escaped(f"'sha256-{digest}'")


def _escaped(text: str) -> str:
    """As it stands in the page, whose template spells quotation marks so."""
    return text.replace("'", "&#39;")
