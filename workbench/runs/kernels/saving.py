"""Saving of a notebook while it runs: at time intervals instead of at every cell."""

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

# Interval between saves; longer if one save takes more than this share of the interval.
SECONDS = 2.0
_SHARE = 0.05


class Manager(NotebookExecutionManager):
    """papermill's manager, saving at intervals.

    papermill saves the whole notebook before and after every cell, which takes time quadratic in
    the number of cells. This one also saves in the middle of a long cell.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def save(self, **_: Any) -> None:
        """Saves if the interval has passed, or schedules a save for its end."""
        if time.monotonic() >= self._next:
            self.save_now()
        elif self._timer is None:
            # Without a running loop papermill is between two cells, and the next one saves.
            with contextlib.suppress(RuntimeError):
                left = self._next - time.monotonic()
                self._timer = asyncio.get_running_loop().call_later(left, self.save_now)

    def autosave_cell(self, **_: Any) -> None:
        """Called for every message of a cell."""
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
        """Completes the notebook and saves it."""
        super().notebook_complete()
        self.save_now()

    def save_now(self) -> None:
        """Saves the notebook now; a full disk is reported at the end of the run."""
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
