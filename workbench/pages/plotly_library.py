"""Selects the smallest bundle of plotly's library that draws all figures of a page.

The whole library has 5 MB, which a browser parses in one to two seconds; the Cartesian bundle takes
a third of both, and the basic one, without heat maps, less. No Python package has the bundles, so
`vendor` holds them as npm published them, with their licence: `npm pack NAME@4.1.1` downloads the
same files, and `npm view NAME@4.1.1 dist.integrity` prints the hashes of PARTS. After an update of
plotly.py pages contain the whole library until the files and hashes here are updated.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from plotly.offline import get_plotlyjs, get_plotlyjs_version

FOLDER = Path(__file__).parent / "vendor"


class Part(NamedTuple):
    """A part of the library.

    Attributes:
        name: of the package on npm, which holds `plotly-NAME.min.js`.
        kinds: the kinds of traces it draws, as its own schema lists them.
        integrity: the package's hash on npm.
    """

    name: str
    kinds: frozenset[str]
    integrity: str

    @property
    def archive(self) -> Path:
        """The path of the package."""
        (archive,) = FOLDER.glob(f"plotly.js-{self.name}-dist-min-*.tgz")
        return archive

    def version(self) -> str:
        """The version of plotly.js."""
        return json.loads(self._file("package.json"))["version"]

    def text(self) -> str:
        """The script, after a comment with the version, as in the whole library."""
        head = f"/**\n* plotly.js v{self.version()}\n* its {self.name} part\n*/\n"
        return _contained(head + self._file(f"plotly-{self.name}.min.js"))

    def is_intact(self) -> bool:
        """Whether the package has the hash of PARTS."""
        digest = hashlib.sha512(self.archive.read_bytes()).digest()
        return self.integrity == "sha512-" + base64.b64encode(digest).decode()

    def _file(self, name: str) -> str:
        with tarfile.open(self.archive) as archive, archive.extractfile(f"package/{name}") as file:
            return file.read().decode()


_BASIC = frozenset({"bar", "pie", "scatter"})
_CARTESIAN = _BASIC | {"box", "contour", "heatmap", "histogram", "histogram2d"}
PARTS = (
    Part(
        "basic",
        _BASIC,
        "sha512-1oNF8PeQx2hv/y7tqEVWKD3JGwn/MGEMQ8mL9HUwsaqG9FGy/OU5FHUHvzqbqxN4mnwZGI9abTiE775C4kkjMQ==",
    ),
    Part(
        "cartesian",
        _CARTESIAN | {"histogram2dcontour", "image", "scatterternary", "violin"},
        "sha512-o8GrFeusncwBIxbBynRJpY4pkgVB6caM+JLpwrLYbbsO7dZ8FJ+SVN2Fr+L7kiG/Z6w4P5O0Jus/Qr5EefHVeg==",
    ),
)


def plotly_library(figures: Iterable[Mapping[str, Any]]) -> str:
    """The text of the smallest library that draws the figures, for a page's script element.

    It is the whole where a figure holds a kind of trace that no part draws, or where the installed
    plotly.py was made for another version than the parts here.

    Args:
        figures: each with its `data`, as plotly's JSON has it; what is no figure needs no part.
    """
    wanted = {kind for figure in figures for kind in _kinds(figure)}
    for part in PARTS:
        if wanted <= part.kinds and part.version() == get_plotlyjs_version():
            return _text(part)
    return _contained(get_plotlyjs())


def installed_libraries() -> Iterator[str]:
    """Every text that `plotly_library` returns."""
    yield from map(_text, PARTS)
    yield _contained(get_plotlyjs())


def _kinds(figure: Mapping[str, Any]) -> Iterable[str]:
    data = figure.get("data")
    for trace in data if isinstance(data, list) else []:
        if isinstance(trace, Mapping):
            yield str(trace.get("type", "scatter"))


@functools.cache
def _text(part: Part) -> str:
    return part.text()


def _contained(script: str) -> str:
    """The script, unable to end the script element around it."""
    return script.replace("</script", "<\\/script")
