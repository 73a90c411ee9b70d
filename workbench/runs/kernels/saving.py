"""When an executed notebook is saved while it runs: by time, so that its cells cost no saving."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from papermill.engines import NotebookExecutionManager

from workbench.base.files.atomic import write_text

# A kill loses what came in so many seconds at most, or in twenty times what one saving takes.
SECONDS = 2.0
_SHARE = 0.05


class Manager(NotebookExecutionManager):
    """papermill's manager, which saves the whole notebook at both ends of every cell.

    This one saves when enough time has passed since it last did, also in the middle of a cell, so
    that a notebook's time grows with its cells and not with their square.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def save(self, **_: Any) -> None:
        """Saves now if it is time, and later if it is not."""
        if time.monotonic() >= self._next:
            self.save_now()
        elif self._timer is None:
            # Without a running loop nothing lasts: papermill is between two cells.
            with contextlib.suppress(RuntimeError):
                left = self._next - time.monotonic()
                self._timer = asyncio.get_running_loop().call_later(left, self.save_now)

    def autosave_cell(self, **_: Any) -> None:
        """A message of a cell has come: what it changed is saved in time."""
        self.save()

    def cell_complete(self, cell: NotebookNode, **kwargs: Any) -> None:
        """Ends a cell; papermill would spend most of this on parsing when it began."""
        times = cell.metadata.papermill
        start = times.pop("start_time", None)
        super().cell_complete(cell, **kwargs)
        if start is not None:
            end = datetime.fromisoformat(times["end_time"])
            seconds = (end - datetime.fromisoformat(start)).total_seconds()
            times.update(start_time=start, duration=seconds)

    def notebook_complete(self, **_: Any) -> None:
        """Ends the notebook, and saves all of it."""
        super().notebook_complete()
        self.save_now()

    def save_now(self) -> None:
        """Saves the notebook as it stands; a disk that is full has its say at the run's end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.output_path:
            return
        began = time.monotonic()
        # Inside Jupyter the cells have a loop in another thread, and may change meanwhile.
        with contextlib.suppress(OSError, RuntimeError):
            write_text(Path(self.output_path), json.dumps(self.nb), durable=False)
        took = time.monotonic() - began
        self._next = time.monotonic() + max(SECONDS, took / _SHARE)
