"""Knobs on a command line, beside options that may have the same names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import click
from click.core import ParameterSource


class KnobCommand(click.Command):
    """A command whose options may share names with knobs, which error messages explain."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parses as click does, and adds a sentence to the error of an option's value."""
        try:
            return super().parse_args(context, args)
        except click.UsageError as error:
            param = getattr(error, "param", None)
            if param is not None and isinstance(param, click.Option):
                name = _option(param)
                error.message += f" A knob of this name is given as --set {name}=VALUE."
            raise


def knob_words(context: click.Context, pairs: tuple[str, ...], names: set[str]) -> dict[str, str]:
    """By knob, the text given for it as `--knob value` or `--set knob=value`.

    An option that shares its name with a knob is refused unless the knob is set as well, since the
    word could be meant for either.
    """
    options = {_option(p): p for p in context.command.params if isinstance(p, click.Option)}
    shared = set(options) & names
    source = context.get_parameter_source
    given = {n for n in shared if source(options[n].name) is ParameterSource.COMMANDLINE}
    texts = options_of(context.args, given)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise ValueError(f"`set` must be given as --set NAME=VALUE; got {pair!r}")
        if name in texts:
            raise ValueError(f"`{name}` must be given once; got it twice")
        texts[name] = value
    for name in sorted(given - set(texts)):
        how = f"given as --set {name}=VALUE, since the command has an option of this name"
        raise ValueError(f"`{name}` must be {how}; got --{name.replace('_', '-')}")
    return texts


def _option(option: click.Parameter) -> str:
    """The name of an option, spelled as that of a knob."""
    return max(option.opts, key=len).lstrip("-").replace("-", "_")


def options_of(words: list[str], given: Collection[str] = ()) -> dict[str, str]:
    """`--knob value` and `--knob=value` as a mapping; a dash in a name becomes an underscore.

    Args:
        words: the words of the command line without the command's options.
        given: options of the command that were given and share their names with knobs.
    """
    texts: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("--") or word == "--":
            more = "".join(f"; the knob `{n}` is given as --set {n}={word}" for n in sorted(given))
            raise ValueError(f"a knob must be given as --name value; got {word!r}{more}")
        name, equals, value = word[2:].partition("=")
        if not equals:
            value = next(rest, None)
            if value is None:
                raise ValueError(f"`{name}` must have a value; got none")
        name = name.replace("-", "_")
        if name in texts:
            raise ValueError(f"`{name}` must be given once; got it twice")
        texts[name] = value
    return texts


def knob_lines(model: Any) -> str:
    """By knob: the option with its default, then the help and the domain."""
    from workbench.base.checks import spell
    from workbench.runs.parameters.spelling import OPTIONS

    lines = []
    for k in model.knobs():
        option = f"--set {k.name}=" if k.name in OPTIONS else f"--{k.name} "
        lines.append(f"  {option}{spell(k.default)}")
        lines.append(f"      {'; '.join(filter(None, [k.help, k.domain]))}")
    return "\n".join(lines)
