"""The command line; the options of runs and sweeps come from the experiments themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from workbench.cli import experiments, live, records, share
from workbench.cli.errors import refusing
from workbench.cli.words import KnobCommand, knob_lines, knob_words

_KNOBS = {
    "cls": KnobCommand,
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
    # A `-h` declared as an option would be read out of values such as `-high`.
    "add_help_option": False,
}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="paper-workbench", prog_name="workbench")
def main() -> None:
    """Test the claims of papers: run experiments, read and share their pages."""


for module in (experiments, records, share, live):
    for command in module.COMMANDS:
        main.add_command(command)


def _number(name: str, help: str, *, high: int | None = None, low: int = 1, **how: Any) -> Any:
    """An option that takes a whole number."""
    return click.option(name, type=click.IntRange(low, high), help=help, **{"metavar": "N"} | how)


_CELL_TIMEOUT = _number(
    "--cell-timeout", "Longest time that a cell may take [no limit].", metavar="SECONDS"
)
_SET = click.option(
    "--set", "pairs", multiple=True, metavar="KNOB=VALUE", help="The same as --KNOB VALUE."
)
_HELP = click.option(
    "--help", "show_help", is_flag=True, help="Show this message, and the knobs of NAME."
)
_FOLDER = click.Path(path_type=Path)


@main.command(
    "run",
    **_KNOBS,
    options_metavar="[--KNOB VALUE]... [OPTIONS]",
    short_help="Run an experiment or a notebook once.",
)
@click.argument("target", metavar="NAME", required=False)
@click.option(
    "--reports",
    type=_FOLDER,
    default="reports",
    metavar="DIR",
    help="Folder of all runs [reports].",
)
@_CELL_TIMEOUT
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@click.option("--progress", is_flag=True, help="Show a progress bar without a terminal as well.")
@click.option(
    "--shared-library",
    "shared",
    is_flag=True,
    help="Store plotly's library once in DIR instead of in every page.",
)
@_SET
@_HELP
@click.pass_context
@refusing
def run(
    context: click.Context,
    target: str | None,
    reports: Path,
    cell_timeout: int | None,
    open_page: bool,
    progress: bool,
    shared: bool,
    pairs: tuple[str, ...],
    show_help: bool,
) -> None:
    """Run an experiment or a notebook once, and write a record and a page.

    NAME is FAMILY/SUBJECT as `workbench list` prints it, or the path of a notebook with a cell
    tagged `parameters`. `workbench run NAME --help` lists its knobs. A knob named like an option is
    set by --set KNOB=VALUE. The run's relative paths start in the current directory.
    """
    name = _name_or_help(context, target, show_help)
    from workbench.runs import job as jobs
    from workbench.runs.parameters.spelling import parsed

    model = jobs.model_of(name)[0]
    words = knob_words(context, pairs, {k.name for k in model.knobs()})
    record = _executed(jobs.job(name, parsed(model, words)), reports, cell_timeout, progress)
    if shared and record["state"] == "done":
        from workbench.share.shared_plotly import share

        share(reports / record["folder"] / "page.html", reports)
    _report(record, reports, open_page)


@main.command(
    **_KNOBS,
    options_metavar="[--KNOB VALUES]... [OPTIONS]",
    short_help="Run an experiment or a notebook at many values of its knobs.",
)
@click.argument("target", metavar="NAME|STUDY_FILE", required=False)
@click.option("--zip", "zipped", multiple=True, metavar="A,B", help="Vary knobs A and B together.")
@_number("--random", "Draw N random points.")
@_number("--seeds", "Run every point with N seeds.")
@click.option("--function", is_flag=True, help="Run without notebook and page: numbers only.")
@_number("--jobs", "Parallel runs [1].", high=1024, default=1)
@click.option(
    "--out",
    type=_FOLDER,
    metavar="DIR",
    help="Folder of the study [reports/studies/FAMILY-SUBJECT].",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, 1e8, min_open=True),
    metavar="SECONDS",
    help="Longest time that a run may take [no limit].",
)
@_CELL_TIMEOUT
@_number("--retries", "Repeat a failed run up to N times [0].", low=0, high=100, default=0)
@click.option("--memory", metavar="SIZE", help="Kill a run that takes more memory, such as 2GB.")
@click.option(
    "--dask",
    metavar="ADDRESS|local",
    help="Run on a dask cluster: a scheduler's address, or a new cluster on this machine.",
)
@_number("--per-device", "Parallel runs on each GPU [1].", high=1024, default=1)
@click.option("--dry-run", is_flag=True, help="Print what would run and how long it would take.")
@_SET
@_HELP
@click.pass_context
@refusing
def sweep(
    context: click.Context,
    target: str | None,
    pairs: tuple[str, ...],
    show_help: bool,
    **options: Any,
) -> None:
    """Run an experiment or a notebook at all combinations of the values given to its knobs.

    NAME is FAMILY/SUBJECT, or the path of a notebook. VALUES are a list, 1,2,4, or a grid,
    low:high:count or low:high:count:log; with --random also a range, low:high or low:high:log. Of
    a knob that holds lists, 1,2 is one value, and [1,2],[3] are two. A STUDY_FILE in TOML or YAML
    may declare all this instead.

    Every point is checked before the first run. The same command again starts only the runs that
    are missing, failed or changed.
    """
    name = _name_or_help(context, target, show_help)
    from workbench.cli import sweep as study

    words = knob_words(context, pairs, study.knob_names(name))
    study_name, jobs = study.declared(name, words, options)
    out = options["out"] or Path("reports") / "studies" / study_name
    if options["dry_run"]:
        click.echo(study.plan_text(jobs, out, options["jobs"]))
        return
    if note := study.unwatched(jobs):
        click.echo(note, err=True)
    counts = study.run(jobs, out, options)
    click.echo(", ".join(f"{count} {state}" for state, count in counts.items()) + f": {out}")
    sys.exit(0 if set(counts) <= {"kept", "done"} else 1)


def _name_or_help(context: click.Context, target: str | None, show_help: bool) -> str:
    """The first word of a command with knobs; prints the help, if that is requested, and ends."""
    show_help = show_help or target == "-h" or context.args == ["-h"]
    if target in (None, "-h") or (show_help and target.startswith("-")):
        click.echo(context.get_help())
        context.exit(0 if show_help else 2)
    if target.startswith("-"):
        raise ValueError(f"NAME must come first; got {target!r}")
    if show_help:
        from workbench.runs.job import model_of

        # A study file names its experiment and knobs itself.
        is_file = Path(target).suffix in (".toml", ".yaml", ".yml")
        knobs = "" if is_file else f"\n\nKnobs:\n{knob_lines(model_of(target)[0])}"
        click.echo(context.get_help() + knobs)
        context.exit(0)
    return target


def _executed(job: Any, reports: Path, cell_timeout: int | None, progress: bool) -> dict[str, Any]:
    from workbench.runs.execute import execute

    shows_bar = progress or sys.stderr.isatty()

    def begins() -> None:
        if not shows_bar:
            cells = len(job.notebook.cells)
            count = "1 cell" if cells == 1 else f"{cells} cells"
            click.echo(f"{job.name}: running {count}", err=True)

    return execute(job, reports, progress=shows_bar, cell_timeout=cell_timeout, begins=begins)


def _report(record: dict[str, Any], reports: Path, open_page: bool) -> None:
    """Prints the verdicts of a run and the path of its page; status 1 if the run is not done."""
    folder = reports / record["folder"]
    for note in record.get("notes", []):
        click.echo(f"note: {note}", err=True)
    for claim in record["claims"]:
        click.echo(f"{claim['verdict']:>24}  {claim['statement']}")
    if record["state"] != "done":
        click.echo(f"{record['name']} {record['state']}: {record['error']}", err=True)
        if (notebook := folder / "notebook.ipynb").is_file():
            click.echo(f"the executed part of the notebook: {notebook}", err=True)
        sys.exit(1)
    page = folder / "page.html"
    click.echo(f"{record['name']} done in {record['timings']['seconds']:.1f} s: {page}")
    if open_page:
        click.launch(str(page))
