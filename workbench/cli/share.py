"""The commands that compare runs and share them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from workbench.cli.errors import refusing
from workbench.cli.records import print_left_out

_FOLDER = click.Path(path_type=Path)


@click.command(short_help="Write an overview page of all runs and studies.")
@click.argument("reports", type=_FOLDER, default=Path("reports"))
@click.option("--standalone", is_flag=True, help="Store plotly's library in every page again.")
@refusing
def gallery(reports: Path, standalone: bool) -> None:
    """Write REPORTS/index.html, with a card for every run and study, and a search.

    REPORTS is the folder of all runs [reports]. Its pages then share one file with plotly's
    library, so that they work only within this folder.
    """
    from workbench.records.store import LeftOut
    from workbench.share.gallery import gallery as write_gallery

    left_out = LeftOut()
    path, cards = write_gallery(reports, standalone=standalone, left_out=left_out)
    click.echo(f"{cards} {'card' if cards == 1 else 'cards'}: {path}")
    print_left_out(left_out)


@click.command(short_help="Write a page that compares the runs of a study.")
@click.argument("study", type=_FOLDER)
@refusing
def report(study: Path) -> None:
    """Write STUDY/report.html, a page that compares the runs of a study.

    It has a table to sort and filter, a plot of every number, the claims across runs, and links to
    the pages of the runs.
    """
    from workbench.records.store import LeftOut
    from workbench.share.study_report import report as write_report

    left_out = LeftOut()
    path, runs = write_report(study, left_out)
    click.echo(f"{runs} {'run' if runs == 1 else 'runs'}: {path}")
    print_left_out(left_out)


@click.command(short_help="Show the differences of two runs.")
@click.argument("left", metavar="RUN", type=_FOLDER)
@click.argument("right", metavar="RUN", type=_FOLDER)
@click.option("--html", "page", type=_FOLDER, metavar="FILE", help="Write a page into FILE.")
@click.option("--all", "all_lines", is_flag=True, help="Show equal values as well.")
@refusing
def compare(left: Path, right: Path, page: Path | None, all_lines: bool) -> None:
    """Show where two runs differ in knobs, code, environment and numbers.

    RUN is the folder of a run, or a record.json or page.html in it.
    """
    from workbench.records.store import given_record
    from workbench.share import compare as comparison

    both = [given_record(path)[1] for path in (left, right)]
    if page is None:
        click.echo(comparison.terminal(comparison.compare(*both), all_lines=all_lines))
        return
    _write(page, comparison.page(*both))
    click.echo(page)


@click.command(short_help="Repeat a run and compare the numbers.")
@click.argument("record", metavar="RUN", type=_FOLDER)
@click.option(
    "--relative",
    type=float,
    metavar="X",
    help="Largest relative difference [0 or 1e-9, see above].",
)
@click.option(
    "--absolute", type=float, default=0.0, metavar="X", help="Largest absolute difference [0]."
)
@click.option("--notebook", type=_FOLDER, metavar="FILE", help="Path of a notebook that has moved.")
@refusing
def verify(record: Path, relative: float | None, absolute: float, notebook: Path | None) -> None:
    """Repeat a run and compare its numbers; the exit status is 1 if one differs.

    The numbers must be equal where machine, backend, code and versions are those of the record;
    elsewhere a relative difference of 1e-9 is admitted. The outputs of all cells are compared for a
    record without numbers and verdicts. RUN is the folder of a run, or the record.json in it.
    """
    from workbench.records.store import given_record
    from workbench.share import verify as verification
    from workbench.share.compare import terminal

    folder, original = given_record(record)
    result = verification.verify(
        original, folder=folder, relative=relative, absolute=absolute, notebook=notebook
    )
    if result.changed:
        click.echo("changed since the record:\n" + terminal(result.changed))
    bound = "within {:g} relative or {:g} absolute".format(*result.tolerances)
    how = "bit for bit" if result.tolerances == (0, 0) else bound
    if result.differing:
        click.echo(f"{result.what} that differ:\n" + terminal(result.differing))
        click.echo(f"{len(result.differing)} of {result.count} do not agree {how}", err=True)
        sys.exit(1)
    click.echo(f"all {result.count} {result.what} agree {how}")


@click.command(short_help="Write a run as a research object (RO-Crate).")
@click.argument("run", type=_FOLDER)
@click.option(
    "--rocrate",
    "crate",
    type=_FOLDER,
    metavar="OUT",
    required=True,
    help="A new folder, or a new file ending in .zip.",
)
@refusing
def export(run: Path, crate: Path) -> None:
    """Write a run as a research object in the RO-Crate format.

    RUN is the folder of a run, or the record.json in it.
    """
    from workbench.records.store import given_record
    from workbench.share.crate import export as write_crate

    write_crate(*given_record(run), crate)
    click.echo(crate)


def _write(path: Path, text: str) -> None:
    from workbench.base.checks import refuse
    from workbench.runs.run_folder import write_text

    try:
        write_text(path, text)
    except OSError as error:
        refuse("html", f"a file that can be written ({error.strerror})", str(path))


COMMANDS = (gallery, report, compare, verify, export)
