"""Who turned a knob: a person in a browser, or a program that waits for the answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress


def is_person() -> bool:
    """Whether a touch comes from a browser, so that nobody waits for the call to return."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not in_cell()


def in_cell() -> bool:
    """Whether a notebook's cell is being executed."""
    with suppress(ImportError, AttributeError, LookupError):
        from IPython import get_ipython

        return get_ipython().kernel.get_parent()["header"]["msg_type"] == "execute_request"
    return False
