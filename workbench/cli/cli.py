"""The command line; the options of runs and sweeps come from the experiments themselves."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from workbench.cli import live, records, share
from workbench.cli.words import KnobCommand, knob_words


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="paper-workbench", prog_name="workbench")
def main() -> None:
    """Put the claims of papers to the test: run experiments, read their pages."""


for holder in (records, share, live):
    for command in holder.COMMANDS:
        main.add_command(command)


@main.command(
    "run",
    cls=KnobCommand,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
    options_metavar="[--KNOB VALUE]... [--reports DIR] [--open]",
)
@click.argument("target", metavar="NAME", required=False)
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"))
@click.option("--cell-timeout", type=click.IntRange(min=1))
@click.option("--open", "open_page", is_flag=True)
@click.option("--progress", is_flag=True)
@click.option("--shared-library", "shared", is_flag=True)
@click.option("--set", "pairs", multiple=True)
@click.option("--help", "help_wanted", is_flag=True)
@click.pass_context
def run(
    context: click.Context,
    target: str | None,
    reports: Path,
    cell_timeout: int | None,
    open_page: bool,
    progress: bool,
    shared: bool,
    pairs: tuple[str, ...],
    help_wanted: bool,
) -> None:
    """Run an experiment, or any notebook of yours, into a record and a page.

    NAME is FAMILY/SUBJECT as `workbench list` prints it, or the path of a notebook with a cell
    tagged `parameters`. `workbench run NAME --help` lists its knobs; one named like an option is
    given as --set NAME=VALUE. It runs in the current directory, where its relative paths start.
    """
    # Declared as an option, the letter would be picked out of values such as `-high`.
    help_wanted = help_wanted or target == "-h" or context.args == ["-h"]
    if target in (None, "-h"):
        click.echo(context.get_help())
        context.exit(0 if help_wanted else 2)
    if target.startswith("-"):
        _refuse(f"NAME must come first; got {target!r}")
    from workbench.runs import job as jobs
    from workbench.runs.parameters.spelling import parsed

    model = _or_refuse(lambda: jobs.model_of(target))[0]
    if help_wanted:
        click.echo(_run_help(target, model))
        return
    names = {k.name for k in model.knobs()}
    words = _or_refuse(lambda: knob_words(context, pairs, names))
    found = _or_refuse(lambda: jobs.job(target, parsed(model, words)))
    record = _executed(found, reports, cell_timeout, progress)
    if shared and record["state"] == "done":
        from workbench.share.shared_plotly import share

        _or_refuse(lambda: share(reports / record["folder"] / "page.html", reports))
    _report(record, reports, open_page)


@main.command(
    cls=KnobCommand,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
    options_metavar="[--KNOB VALUES]... [OPTIONS]",
)
@click.argument("target", metavar="NAME|STUDY_FILE", required=False)
@click.option("--zip", "zipped", multiple=True, metavar="A,B", help="Knobs that advance together.")
@click.option("--random", type=click.IntRange(min=1), help="Draw so many points.")
@click.option("--seeds", type=click.IntRange(min=1), help="Take every point with so many seeds.")
@click.option("--function", is_flag=True, help="Call the experiment's run: no notebook, no page.")
@click.option("--jobs", type=click.IntRange(1, 1024), default=1, help="Runs at the same time [1].")
@click.option("--out", type=click.Path(path_type=Path), help="[reports/studies/FAMILY-SUBJECT]")
@click.option("--timeout", type=click.FloatRange(0, 1e8, min_open=True), help="Seconds a run.")
@click.option("--cell-timeout", type=click.IntRange(min=1), help="Seconds a cell.")
@click.option("--retries", type=click.IntRange(0, 100), default=0, help="Further tries [0].")
@click.option("--memory", metavar="SIZE", help="Most memory a run may hold, such as 2GB.")
@click.option("--dask", metavar="ADDRESS|local", help="Run by a dask cluster.")
@click.option("--per-device", type=click.IntRange(1, 1024), default=1, help="Runs a GPU [1].")
@click.option("--dry-run", is_flag=True, help="Tell what would run, and how long it takes.")
@click.option("--set", "pairs", multiple=True, metavar="KNOB=VALUES", help="As --KNOB VALUES.")
@click.option("--help", "help_wanted", is_flag=True)
@click.pass_context
def sweep(
    context: click.Context,
    target: str | None,
    pairs: tuple[str, ...],
    help_wanted: bool,
    **how: Any,
) -> None:
    """Run every point of a study: all combinations of the values given to knobs.

    VALUES are 1,2,4 or low:high:count[:log]; with --random also low:high[:log]; of a knob of lists
    1,2 is one list, and [1,2],[3] are two. A TOML or YAML file may declare the study instead.
    Nothing starts before every point was checked. The same command
    again makes only the runs that are missing, failed or changed.
    """
    help_wanted = help_wanted or target == "-h" or context.args == ["-h"]
    if help_wanted or target is None:
        click.echo(context.get_help())
        context.exit(0 if help_wanted else 2)
    if target.startswith("-"):
        _refuse(f"NAME must come first; got {target!r}")
    from workbench.cli import sweep as sweep_command

    names = _or_refuse(lambda: sweep_command.knob_names(target))
    words = _or_refuse(lambda: knob_words(context, pairs, names))
    name, jobs = _or_refuse(lambda: sweep_command.declared(target, words, how))
    out = how["out"] or Path("reports") / "studies" / name
    if how["dry_run"]:
        click.echo(_or_refuse(lambda: sweep_command.told(jobs, out, how["jobs"])))
        return
    if told := sweep_command.unwatched(jobs):
        click.echo(told, err=True)
    counts = _or_refuse(lambda: sweep_command.run(jobs, out, how))
    click.echo(", ".join(f"{count} {state}" for state, count in counts.items()) + f": {out}")
    sys.exit(0 if set(counts) <= {"kept", "done"} else 1)


@main.command("list")
def list_() -> None:
    """List the experiments and what each asks, those of installed packages as well."""
    from workbench.runs.find import experiments, from_elsewhere
    from workbench.runs.importable import refused

    others, said = from_elsewhere()
    broken = refused([e.name for e in others]) if others else {}
    found = sorted([*experiments(), *(e for e in others if e.name not in broken)])
    width = max((len(e.name) for e in found), default=0)
    for e in found:
        click.echo(f"{e.name:<{width}}  {e.title}" + (f" ({e.package})" if e.package else ""))
    for sentence in (*said, *broken.values()):
        click.echo(f"not listed: {sentence}", err=True)


@main.command()
@click.argument("name")
def show(name: str) -> None:
    """Show an experiment's paper, claims and knobs with their spans."""
    from workbench.experiment.claims import declared
    from workbench.runs.find import experiment

    found = _or_refuse(lambda: experiment(name))
    module = _or_refuse(found.module)
    package = f"package: {found.package}\n" if found.package else ""
    click.echo(f"{found.title}\n\n{package}notebook: {_near(found.notebook)}\n\nclaims")
    for statement in declared(module):
        click.echo(f"  {statement.text}\n      {statement.paper}, {statement.where}")
    click.echo("\nknobs\n" + _knob_lines(module.Params))


@main.command()
@click.argument("name", metavar="FAMILY/SUBJECT")
@click.option("--package", type=click.Path(path_type=Path), metavar="PATH")
def new(name: str, package: Path | None) -> None:
    """Write a new experiment: code and notebook, ready to run.

    With --package they stand in a package of their own in the new folder PATH, with what an
    installation needs: the experiment is then found wherever the package is installed.
    """
    from workbench.runs.new import write, write_package

    made = (lambda: write_package(name, package)) if package else (lambda: write(name))
    for path in _or_refuse(made):
        click.echo(f"wrote {_near(path)}")
    install = f"{shlex.join(['pip', 'install', '--editable', str(package)])} && " if package else ""
    click.echo(f"now: {install}workbench run {name}")


def _executed(job: Any, reports: Path, cell_timeout: int | None, progress: bool) -> dict[str, Any]:
    from workbench.runs.execute import execute

    watched = progress or sys.stderr.isatty()

    def begins() -> None:
        if not watched:
            cells = len(job.notebook.cells)
            what = "1 cell" if cells == 1 else f"{cells} cells"
            click.echo(f"{job.name}: running {what}", err=True)

    how = {"progress": watched, "cell_timeout": cell_timeout, "begins": begins}
    return _or_refuse(lambda: execute(job, reports, **how))


def _report(record: dict[str, Any], reports: Path, open_page: bool) -> None:
    """Prints what came of a run and where it lies; a run that is not done ends with status 1."""
    folder = reports / record["folder"]
    for note in record.get("notes", []):
        click.echo(f"note: {note}", err=True)
    for claim in record["claims"]:
        click.echo(f"{claim['verdict']:>24}  {claim['statement']}")
    if record["state"] != "done":
        click.echo(f"{record['name']} {record['state']}: {record['error']}", err=True)
        if (notebook := folder / "notebook.ipynb").is_file():
            click.echo(f"the notebook as far as it came: {notebook}", err=True)
        sys.exit(1)
    page = folder / "page.html"
    click.echo(f"{record['name']} done in {record['timings']['seconds']:.1f} s: {page}")
    if open_page:
        click.launch(str(page))


def _run_help(target: str, model: Any) -> str:
    return (
        f"Usage: workbench run {target} [--KNOB VALUE]... [--reports DIR] [--open]\n\n"
        f"Knobs:\n{_knob_lines(model)}\n\n"
        "Options:\n"
        "  --reports DIR           folder of all runs [reports]\n"
        "  --cell-timeout SECONDS  longest time a cell may take\n"
        "  --open                  open the page when it is done\n"
        "  --progress              draw the bar of cells without a terminal as well\n"
        "  --shared-library        plotly's library once for all pages of DIR, not in the page\n"
        "  --set KNOB=VALUE        a knob whose name is that of an option\n"
    )


def _knob_lines(model: Any) -> str:
    from workbench.base.checks import spell
    from workbench.runs.parameters.spelling import OPTIONS

    lines = []
    for k in model.knobs():
        option = f"--set {k.name}=" if k.name in OPTIONS else f"--{k.name} "
        lines.append(f"  {option}{spell(k.default)}")
        lines.append(f"      {'; '.join(filter(None, [k.help, k.domain]))}")
    return "\n".join(lines)


def _or_refuse(call: Any) -> Any:
    """What the call returns; a refusal ends the command with its one sentence and status 2."""
    try:
        return call()
    except (ValueError, TypeError) as error:
        return _refuse(str(error))


def _refuse(sentence: str) -> None:
    click.echo(sentence, err=True)
    sys.exit(2)


def _near(path: Path) -> Path:
    """The path from here where it lies below, as a person would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
