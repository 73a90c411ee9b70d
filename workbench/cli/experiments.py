"""The commands that list, show and create experiments."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from workbench.cli.errors import refusing
from workbench.cli.words import knob_lines


@click.command("list", short_help="List all experiments.")
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


@click.command(short_help="Show the claims and knobs of an experiment.")
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
    click.echo("\nknobs\n" + knob_lines(module.Params))


@click.command(short_help="Write the files of a new experiment.")
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


def _relative(path: Path) -> Path:
    """The path relative to the current directory where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


COMMANDS = list_, show, new
