"""Who turned a knob: a person in a browser, or a program that waits for the answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import ContextVar

_POSTED: ContextVar[bool] = ContextVar("posted", default=False)


def is_person() -> bool:
    """Whether a touch comes from a browser, so that nobody waits for the call to return."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not in_cell()


def in_cell() -> bool:
    """Whether a notebook's cell is being executed that waits for the present call."""
    # A thread that is none of the kernel's would be told of the kernel's last message.
    if _POSTED.get():
        return False
    with suppress(ImportError, AttributeError, LookupError, TypeError):
        from IPython import get_ipython

        return get_ipython().kernel.get_parent()["header"]["msg_type"] == "execute_request"
    return False


def posted() -> None:
    """Marks the present context as one of calls that another thread has sent and waits not for."""
    _POSTED.set(True)
