"""The commands that share runs; each does its work in the module of its name."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from workbench.cli.errors import refusing
from workbench.cli.records import tell

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("reports", type=_FOLDER, default=Path("reports"))
@click.option("--standalone", is_flag=True, help="Put plotly's library back into every page.")
@refusing
def gallery(reports: Path, standalone: bool) -> None:
    """Write REPORTS/index.html: a card for every run and study, newest first, with a search.

    The pages then share one file with plotly's library; REPORTS travels as a whole.
    """
    from workbench.records.store import LeftOut
    from workbench.share.gallery import gallery as made

    left_out = LeftOut()
    path, cards = made(reports, standalone=standalone, left_out=left_out)
    click.echo(f"{cards} {'card' if cards == 1 else 'cards'}: {path}")
    tell(left_out)


@click.command()
@click.argument("study", type=_FOLDER)
@refusing
def report(study: Path) -> None:
    """Write STUDY/report.html: one page that compares the runs of a study.

    A table to sort and filter, a plot for every number, claims across runs, links to all pages.
    """
    from workbench.records.store import LeftOut
    from workbench.share.study_report import report as made

    left_out = LeftOut()
    path, runs = made(study, left_out)
    click.echo(f"{runs} {'run' if runs == 1 else 'runs'}: {path}")
    tell(left_out)


@click.command()
@click.argument("left", metavar="RUN", type=_FOLDER)
@click.argument("right", metavar="RUN", type=_FOLDER)
@click.option("--html", "page", type=_FOLDER, metavar="FILE", help="Write a page instead.")
@click.option("--all", "all_lines", is_flag=True, help="Show what is the same as well.")
@refusing
def compare(left: Path, right: Path, page: Path | None, all_lines: bool) -> None:
    """Put two runs side by side: knobs, code, environment, numbers; differences are marked.

    RUN is the folder of a run, or a record.json or page.html in it.
    """
    from workbench.records.store import given_record
    from workbench.share import compare as compared

    both = [given_record(path)[1] for path in (left, right)]
    if page is None:
        click.echo(compared.terminal(compared.compare(*both), all_lines=all_lines))
        return
    _write(page, compared.page(*both))
    click.echo(page)


@click.command()
@click.argument("record", type=_FOLDER)
@click.option("--relative", type=float, help="Largest relative difference [0 or 1e-9].")
@click.option("--absolute", type=float, default=0.0, help="Difference always admitted [0].")
@click.option("--notebook", type=_FOLDER, help="Where a notebook of your own is.")
@refusing
def verify(record: Path, relative: float | None, absolute: float, notebook: Path | None) -> None:
    """Run a record's experiment again and compare the numbers; status 1 if they do not agree.

    Where a record has no numbers and no verdicts, the outputs of all cells are compared.

    Bit for bit where machine, backend, code and versions are the record's, by the tolerances
    elsewhere. RECORD is the folder of a run, or a record.json in it.
    """
    from workbench.records.store import given_record
    from workbench.share import verify as verifying
    from workbench.share.compare import terminal

    how = {"relative": relative, "absolute": absolute, "notebook": notebook}
    folder, given = given_record(record)
    found = verifying.verify(given, folder=folder, **how)
    if found.changed:
        click.echo("changed since the record:\n" + terminal(found.changed))
    bound = "within {:g} relative or {:g} absolute".format(*found.tolerances)
    how_near = "bit for bit" if found.tolerances == (0, 0) else bound
    if found.differing:
        click.echo(f"{found.what} that differ:\n" + terminal(found.differing))
        click.echo(f"{len(found.differing)} of {found.count} do not agree {how_near}", err=True)
        sys.exit(1)
    click.echo(f"all {found.count} {found.what} agree {how_near}")


@click.command()
@click.argument("run", type=_FOLDER)
@click.option("--rocrate", "crate", type=_FOLDER, metavar="OUT", required=True)
@refusing
def export(run: Path, crate: Path) -> None:
    """Write a run as a research object: OUT is a new folder, or a new file ending in .zip."""
    from workbench.records.store import given_record
    from workbench.share.crate import export as made

    made(*given_record(run), crate)
    click.echo(crate)


def _write(path: Path, text: str) -> None:
    from workbench.base.checks import refuse
    from workbench.runs.run_folder import write_text

    try:
        write_text(path, text)
    except OSError as error:
        refuse("html", f"a file that can be written ({error.strerror})", str(path))


COMMANDS = (gallery, report, compare, verify, export)
