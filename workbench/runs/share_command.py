"""The commands that share runs; each does its work in the module of its name."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_FOLDER = click.Path(path_type=Path)


def _refusing(command: Callable[..., Any]) -> Callable[..., Any]:
    """A refusal ends the command with its one sentence and status 2."""

    @functools.wraps(command)
    def refusing(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except (ValueError, TypeError) as error:
            click.echo(str(error), err=True)
            return sys.exit(2)

    return refusing


@click.command()
@click.argument("reports", type=_FOLDER, default=Path("reports"))
@click.option("--standalone", is_flag=True, help="Put plotly's library back into every page.")
@_refusing
def gallery(reports: Path, standalone: bool) -> None:
    """Write REPORTS/index.html: a card for every run and study, newest first, with a search.

    The pages then share one file with plotly's library; REPORTS travels as a whole.
    """
    from workbench.runs.gallery import gallery as made

    path, cards = made(reports, standalone=standalone)
    click.echo(f"{cards} {'card' if cards == 1 else 'cards'}: {path}")


COMMANDS = (gallery,)
