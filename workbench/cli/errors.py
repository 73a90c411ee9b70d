"""A command that refuses in one sentence."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click


def refusing(command: Callable[..., Any]) -> Callable[..., Any]:
    """A refusal ends the command with its one sentence and status 2."""

    @functools.wraps(command)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except (ValueError, TypeError) as error:
            click.echo(str(error), err=True)
            return sys.exit(2)

    return call
