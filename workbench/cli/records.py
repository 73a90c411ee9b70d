"""The commands that read the records of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.errors import refusing

if TYPE_CHECKING:
    from workbench.records.store import LeftOut

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--reports", type=_FOLDER, default=Path("reports"))
@click.option("--where", "condition", help='A condition as SQL has it: "threshold > 10".')
@refusing
def runs(reports: Path, condition: str | None) -> None:
    """List the runs under a folder, those that are queued as well."""
    from workbench.records import store, table

    left_out = store.LeftOut()
    shown = ["state", "seconds", "name", "run"]
    every = store.read_runs(reports, left_out)
    if condition is None:
        # Only what is shown: of many runs all that is known would take much memory.
        found = [{name: one[name] for name in shown} for one in map(table.row, every)]
    else:
        found = table.where(table.rows(every), condition)
    click.echo(table.as_text(found, shown))
    tell(left_out)


@click.command("table")
@click.argument("study", type=_FOLDER)
@click.option("--csv", "wants_csv", is_flag=True, help="Comma-separated, all columns and digits.")
@refusing
def table_(study: Path, wants_csv: bool) -> None:
    """Print a study's points, their knobs and numbers, one row a run; or one run's own numbers."""
    from workbench.base.checks import refuse
    from workbench.records import store, table
    from workbench.records import table as numbers

    left_out = store.LeftOut()
    points = store.read_points(study, left_out)
    given = store.given_run(study) if points is None else None
    record = None if given is None else given[1]
    if points is None and record is None:
        refuse("study", "the folder of a study or of a run", str(study))
    found = table.rows(points) if record is None else numbers.run_rows(store.normal(record))
    if wants_csv:
        click.echo(table.as_csv(found, left_out), nl=False)
    else:
        told = [n for n in table.columns(found, left_out) if not n.startswith("claim: ")]
        unshown = {"name", "run", "attempt", "start"}
        click.echo(table.as_text(found, [n for n in told if n not in unshown]))
    tell(left_out)


@click.command()
@click.argument("folder", type=_FOLDER)
@refusing
def index(folder: Path) -> None:
    """Write a folder's runs into FOLDER/index.parquet, for DuckDB and its like."""
    from workbench.records import store, table
    from workbench.records.index import write_index

    left_out = store.LeftOut()
    points = store.study_points(folder, left_out)
    records = store.read_records(folder, left_out) if points is None else points
    click.echo(write_index(map(table.row, records), folder, left_out))
    tell(left_out)


def tell(left_out: LeftOut) -> None:
    """Says on stderr what was left out, in a few sentences."""
    for sentence in left_out.sentences():
        click.echo(sentence, err=True)


COMMANDS = runs, table_, index
