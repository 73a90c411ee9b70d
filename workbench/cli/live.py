"""The commands that open an experiment in a browser."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from workbench.cli.errors import refusing

_FOLDER = click.Path(path_type=Path)


@click.command(short_help="Open the notebook of a run in JupyterLab.")
@click.argument("record", metavar="RUN", type=_FOLDER)
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@refusing
def explore(record: Path, no_browser: bool) -> None:
    """Open the notebook of a run in JupyterLab, with the values that it ran with.

    RUN is the folder of a run, or the record.json in it. JupyterLab opens a copy, explore.ipynb
    beside the record, which the next `explore` of this run overwrites. The notebook itself is not
    changed.
    """
    from workbench.live import servers

    sys.exit(servers.explore(record, browser=not no_browser))


@click.command(short_help="Serve the panel of an experiment by Voila.")
@click.argument("name")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8866,
    metavar="N",
    help="Port on 127.0.0.1 [8866].",
)
@click.option(
    "--kernels",
    type=click.IntRange(1, 1024),
    default=8,
    metavar="N",
    help="Largest number of pages open at the same time [8].",
)
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@refusing
def serve(name: str, port: int, kernels: int, no_browser: bool) -> None:
    """Serve the panel of an experiment by Voila, to browsers on this machine.

    NAME is FAMILY/SUBJECT, or the path of a notebook with a cell tagged `panel`. The server answers
    on 127.0.0.1 only, and only with the token in the address that it prints. Every open page has a
    kernel of its own, which ends with the page, at the latest after a minute.
    """
    from workbench.live import servers

    sys.exit(servers.serve(name, port=port, browser=not no_browser, kernels=kernels))


COMMANDS = explore, serve
