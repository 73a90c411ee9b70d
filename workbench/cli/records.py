"""The commands that read the records of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.errors import refusing

if TYPE_CHECKING:
    from workbench.records.store import LeftOut

_FOLDER = click.Path(path_type=Path)


@click.command(short_help="List the runs in a folder.")
@click.option(
    "--reports",
    type=_FOLDER,
    default=Path("reports"),
    metavar="DIR",
    help="Folder of the runs [reports].",
)
@click.option(
    "--where", "condition", metavar="SQL", help='Only runs for which it holds: "threshold > 10".'
)
@refusing
def runs(reports: Path, condition: str | None) -> None:
    """List the runs in a folder, those that are waiting in a study as well."""
    from workbench.records import store, table

    left_out = store.LeftOut()
    shown = ["state", "seconds", "name", "run"]
    every = store.read_runs(reports, left_out)
    if condition is None:
        # Whole rows of many runs would take much memory.
        rows = [{name: one[name] for name in shown} for one in map(table.row, every)]
    else:
        rows = table.where(table.rows(every), condition)
    click.echo(table.as_text(rows, shown))
    print_left_out(left_out)


@click.command("table", short_help="Print the numbers of a study or a run.")
@click.argument("study", metavar="STUDY|RUN", type=_FOLDER)
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, with all columns and digits.")
@refusing
def table_(study: Path, as_csv: bool) -> None:
    """Print a table of a study, a row of knobs and numbers for every run, or one run's numbers.

    STUDY and RUN are their folders.
    """
    from workbench.base.checks import refuse
    from workbench.records import store, table

    left_out = store.LeftOut()
    points = store.read_points(study, left_out)
    given = store.given_run(study) if points is None else None
    record = None if given is None else given[1]
    if points is None and record is None:
        refuse("study", "the folder of a study or of a run", str(study))
    rows = table.rows(points) if record is None else table.run_rows(store.normal(record))
    if as_csv:
        click.echo(table.as_csv(rows, left_out), nl=False)
    else:
        hidden = {"name", "run", "attempt", "start"}
        columns = [n for n in table.columns(rows, left_out) if n not in hidden]
        click.echo(table.as_text(rows, [n for n in columns if not n.startswith("claim: ")]))
    print_left_out(left_out)


@click.command(short_help="Write the runs of a folder into a Parquet file.")
@click.argument("folder", type=_FOLDER)
@refusing
def index(folder: Path) -> None:
    """Write the runs of FOLDER into FOLDER/index.parquet, for DuckDB, Polars or pandas."""
    from workbench.records import store, table
    from workbench.records.index import write_index

    left_out = store.LeftOut()
    points = store.study_points(folder, left_out)
    records = store.read_records(folder, left_out) if points is None else points
    click.echo(write_index(map(table.row, records), folder, left_out))
    print_left_out(left_out)


def print_left_out(left_out: LeftOut) -> None:
    """Prints on stderr which records were left out, and why."""
    for sentence in left_out.sentences():
        click.echo(sentence, err=True)


COMMANDS = runs, table_, index
