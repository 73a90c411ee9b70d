"""Pages about several runs: templates in the style of a run's page, and safe links."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from workbench.base.rows import number
from workbench.experiment.decisions import MARKS
from workbench.pages import head
from workbench.pages.cells.figure import script_json
from workbench.pages.head import policy, style

TEMPLATES = Path(__file__).parent / "template"


def document(template: str, scripts: Sequence[str], **parts: Any) -> str:
    """A page from a template.

    Args:
        template: a file in `template`; values are escaped unless they are `Markup`.
        scripts: the page's scripts in order, the only ones that its policy allows.
        parts: the variables of the template.
    """
    return (
        _templates()
        .get_template(template)
        .render(
            policy=policy(scripts),
            style=Markup(style() + (TEMPLATES / "share.css").read_text(encoding="utf-8")),
            scripts=[Markup(script) for script in scripts],
            marks=MARKS,
            number=number,
            **parts,
        )
    )


def script(name: str) -> str:
    """The text of a script in the templates' folder."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def page_script() -> str:
    """The script of a run's page, which draws figures."""
    # Importing the module `page` takes seconds.
    return (Path(head.__file__).parent / "page_template/page.js").read_text(encoding="utf-8")


def data(value: Any) -> Markup:
    """JSON that cannot end the script element around it."""
    return Markup(script_json(value))


def address(path: Path, start: Path) -> str | None:
    """The relative address of a file for a page in `start`; None unless it is a regular file.

    A link is none, since it could lead to any file. The path is that of the file on disk, never
    one from a record, and every letter with a meaning in addresses is escaped.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
    except OSError:
        return None
    return quote(path.relative_to(start).as_posix().encode("utf-8", "surrogateescape"))


@functools.cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
