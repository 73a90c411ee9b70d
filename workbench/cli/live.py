"""The commands that open an experiment to turn its knobs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from workbench.cli.errors import refusing

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("record", type=_FOLDER)
@click.option("--no-browser", is_flag=True, help="Only tell the address.")
@refusing
def explore(record: Path, no_browser: bool) -> None:
    """Open a run's notebook in JupyterLab, as it ran.

    RECORD is a run's folder or its record.json. What opens is a copy of the notebook that ran, with
    the values given to it: explore.ipynb beside the record, which the next `explore` of the run
    writes anew. The notebook itself stays as it is.
    """
    from workbench.live import servers

    sys.exit(servers.explore(record, browser=not no_browser))


@click.command()
@click.argument("name")
@click.option("--port", type=click.IntRange(1, 65535), default=8866, help="[8866]")
@click.option("--kernels", type=click.IntRange(1, 1024), default=8, help="Most open pages [8].")
@click.option("--no-browser", is_flag=True, help="Only tell the address.")
@refusing
def serve(name: str, port: int, kernels: int, no_browser: bool) -> None:
    """Serve the panel of an experiment alone, by Voila, to this machine's browsers.

    NAME is FAMILY/SUBJECT or the path of a notebook with a cell tagged `panel`. The server answers
    on 127.0.0.1 to whoever has the token in the address that it prints, and asks no other machine.
    Every open page has a kernel of its own, which ends within a minute after the page.
    """
    from workbench.live import servers

    sys.exit(servers.serve(name, port=port, browser=not no_browser, kernels=kernels))


COMMANDS = explore, serve
