"""Errors of a command."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click


def refusing(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that prints a ValueError or a TypeError as one sentence and ends with status 2."""

    @functools.wraps(command)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except (ValueError, TypeError) as error:
            click.echo(str(error), err=True)
            return sys.exit(2)

    return call
