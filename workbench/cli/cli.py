"""The command line; the options of runs and sweeps come from the experiments themselves."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from workbench.cli import live, records, share
from workbench.cli.errors import refusing
from workbench.cli.words import KnobCommand, knob_words

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


for module in (records, share, live):
    for command in module.COMMANDS:
        main.add_command(command)


@main.command(
    "run",
    **_KNOBS,
    options_metavar="[--KNOB VALUE]... [OPTIONS]",
    short_help="Run an experiment or a notebook once.",
)
@click.argument("target", metavar="NAME", required=False)
@click.option(
    "--reports",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    metavar="DIR",
    help="Folder of all runs [reports].",
)
@click.option(
    "--cell-timeout",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="Longest time that a cell may take [no limit].",
)
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@click.option("--progress", is_flag=True, help="Show a progress bar without a terminal as well.")
@click.option(
    "--shared-library",
    "shared",
    is_flag=True,
    help="Store plotly's library once in DIR instead of in every page.",
)
@click.option("--set", "pairs", multiple=True, metavar="KNOB=VALUE", help="The same as --KNOB.")
@click.option("--help", "show_help", is_flag=True, help="Show this message, and the knobs of NAME.")
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
@click.option("--random", type=click.IntRange(min=1), metavar="N", help="Draw N random points.")
@click.option(
    "--seeds", type=click.IntRange(min=1), metavar="N", help="Run every point with N seeds."
)
@click.option("--function", is_flag=True, help="Run without notebook and page: numbers only.")
@click.option(
    "--jobs", type=click.IntRange(1, 1024), default=1, metavar="N", help="Parallel runs [1]."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the study [reports/studies/FAMILY-SUBJECT].",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, 1e8, min_open=True),
    metavar="SECONDS",
    help="Longest time that a run may take [no limit].",
)
@click.option(
    "--cell-timeout",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="Longest time that a cell may take [no limit].",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 100),
    default=0,
    metavar="N",
    help="Repeat a failed run up to N times [0].",
)
@click.option("--memory", metavar="SIZE", help="Kill a run that takes more memory, such as 2GB.")
@click.option(
    "--dask",
    metavar="ADDRESS|local",
    help="Run on a dask cluster: a scheduler's address, or a new cluster on this machine.",
)
@click.option(
    "--per-device",
    type=click.IntRange(1, 1024),
    default=1,
    metavar="N",
    help="Parallel runs on each GPU [1].",
)
@click.option("--dry-run", is_flag=True, help="Print what would run and how long it would take.")
@click.option("--set", "pairs", multiple=True, metavar="KNOB=VALUES", help="The same as --KNOB.")
@click.option("--help", "show_help", is_flag=True, help="Show this message, and the knobs of NAME.")
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


@main.command("list", short_help="List all experiments.")
@refusing
def list_() -> None:
    """List all experiments, those of installed packages as well, and the question of each."""
    from workbench.runs.find import experiments, from_elsewhere
    from workbench.runs.importable import refused

    others, errors = from_elsewhere()
    broken = refused([e.name for e in others]) if others else {}
    listed = sorted([*experiments(), *(e for e in others if e.name not in broken)])
    width = max((len(e.name) for e in listed), default=0)
    for e in listed:
        click.echo(f"{e.name:<{width}}  {e.title}" + (f" ({e.package})" if e.package else ""))
    for error in (*errors, *broken.values()):
        click.echo(f"not listed: {error}", err=True)


@main.command(short_help="Show the claims and knobs of an experiment.")
@click.argument("name", metavar="FAMILY/SUBJECT")
@refusing
def show(name: str) -> None:
    """Show the question, the claims and the knobs of an experiment."""
    from workbench.experiment.claims import declared
    from workbench.runs.find import experiment

    shown = experiment(name)
    module = shown.module()
    package = f"package: {shown.package}\n" if shown.package else ""
    click.echo(f"{shown.title}\n\n{package}notebook: {_relative(shown.notebook)}\n\nclaims")
    for statement in declared(module):
        click.echo(f"  {statement.text}\n      {statement.paper}, {statement.where}")
    click.echo("\nknobs\n" + _knob_lines(module.Params))


@main.command(short_help="Write the files of a new experiment.")
@click.argument("name", metavar="FAMILY/SUBJECT")
@click.option(
    "--package",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a new package into DIR instead of files into this checkout.",
)
@refusing
def new(name: str, package: Path | None) -> None:
    """Write the files of a new experiment, which can be run as they are: a module and a notebook.

    The workbench lists and runs the experiments of every installed package that `--package` wrote.
    """
    from workbench.runs.new import write, write_package

    for path in write_package(name, package) if package else write(name):
        click.echo(f"wrote {_relative(path)}")
    install = f"{shlex.join(['pip', 'install', '--editable', str(package)])} && " if package else ""
    click.echo(f"now: {install}workbench run {name}")


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
        knobs = "" if is_file else f"\n\nKnobs:\n{_knob_lines(model_of(target)[0])}"
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


def _knob_lines(model: Any) -> str:
    from workbench.base.checks import spell
    from workbench.runs.parameters.spelling import OPTIONS

    lines = []
    for k in model.knobs():
        option = f"--set {k.name}=" if k.name in OPTIONS else f"--{k.name} "
        lines.append(f"  {option}{spell(k.default)}")
        lines.append(f"      {'; '.join(filter(None, [k.help, k.domain]))}")
    return "\n".join(lines)


def _relative(path: Path) -> Path:
    """The path relative to the current directory where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
