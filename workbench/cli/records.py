"""The commands that read the records of runs."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.errors import refusing

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--reports", type=_FOLDER, default=Path("reports"))
@click.option("--where", "condition", help='A condition as SQL has it: "threshold > 10".')
@refusing
def runs(reports: Path, condition: str | None) -> None:
    """List the runs under a folder, those that are queued as well."""
    from workbench.records import store, table

    queued = [p for p in store.read_points(reports) or [] if p["state"] == "queued"]
    found = table.rows([*store.read_records(reports), *queued])
    if condition is not None:
        found = table.where(found, condition)
    click.echo(table.as_text(found, ["state", "seconds", "name", "run"]))


@click.command("table")
@click.argument("study", type=_FOLDER)
@click.option("--csv", "wants_csv", is_flag=True, help="Comma-separated, all columns and digits.")
@refusing
def table_(study: Path, wants_csv: bool) -> None:
    """Print a study's points, their knobs and numbers, one row a run; or one run's own numbers."""
    from workbench.base.checks import refuse
    from workbench.records import store, table
    from workbench.records import table as numbers

    points = store.read_points(study)
    record = store.read_record(study / "record.json") if points is None else None
    if points is None and record is None:
        refuse("study", "the folder of a study or of a run", str(study))
    found = table.rows(points) if record is None else numbers.run_rows(store.normal(record))
    if wants_csv:
        click.echo(table.as_csv(found), nl=False)
        return
    told = [n for n in table.columns(found) if not n.startswith("claim: ")]
    left_out = {"name", "run", "attempt", "start"}
    click.echo(table.as_text(found, [n for n in told if n not in left_out]))


@click.command()
@click.argument("folder", type=_FOLDER)
@refusing
def index(folder: Path) -> None:
    """Write a folder's runs into FOLDER/index.parquet, for DuckDB and its like."""
    from workbench.records import store, table
    from workbench.records.index import write_index

    found = table.rows(store.read_points(folder) or list(store.read_records(folder)))
    click.echo(write_index(found, folder))


COMMANDS = runs, table_, index
