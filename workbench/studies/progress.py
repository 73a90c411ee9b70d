"""Progress of a study: a live table on a terminal, otherwise a line per run."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import AbstractContextManager
from io import TextIOBase
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from workbench.studies.scheduler import StudyObserver

_RUNNING_SHOWN, _FAILURES_SHOWN = 8, 3
_LONGEST = 600
_STYLES = {"done": "green", "kept": "cyan", "failed": "red", "killed": "red", "timed out": "yellow"}


def progress(total: int, stream: TextIOBase) -> Lines | LiveTable:
    """A context manager that shows the progress on the stream.

    Args:
        total: how many points the study has.
        stream: a terminal or a file.
    """
    console = Console(file=stream, stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveTable(total, console)
    return Lines(stream)


class Lines(StudyObserver, AbstractContextManager):
    """A line for every run that has ended."""

    def __init__(self, stream: TextIOBase):
        self._stream = stream

    def __exit__(self, *_: Any) -> None:
        """Nothing is left to do."""

    def ended(self, record: Mapping[str, Any]) -> None:
        """Prints the run's state, time and error."""
        print(line(record), file=self._stream, flush=True)

    def noted(self, sentence: str) -> None:
        """Prints the message."""
        print(printable(sentence, _LONGEST), file=self._stream, flush=True)


class LiveTable(StudyObserver, AbstractContextManager):
    """Bar, rate, time left, count of each state, current runs, and the last failures."""

    def __init__(self, total: int, console: Console):
        self._total, self._start = total, time.monotonic()
        self._counts: Counter[str] = Counter()
        self._running: dict[str, tuple[str, float]] = {}
        self._failures: deque[str] = deque(maxlen=_FAILURES_SHOWN)
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4)

    def __enter__(self) -> LiveTable:
        """Starts drawing."""
        self._start = time.monotonic()
        self._live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        """Leaves the last state on the terminal."""
        self._running = {}
        self._live.stop()

    def planned(self, done: int) -> None:
        """Counts the runs that were done before, which do not enter the rate."""
        self._counts["kept"] = done

    def begun(self, record: Mapping[str, Any]) -> None:
        """Adds a run to the current ones."""
        name = f"{record['name']}/{record['run']}"
        again = "" if record["attempt"] == 1 else f", try {record['attempt']}"
        self._running[record["run"]] = printable(name + again, 70), time.monotonic()

    def paused(self, record: Mapping[str, Any]) -> None:
        """Moves the run to those that wait."""
        self._running = {k: v for k, v in self._running.items() if k != record["run"]}

    def ended(self, record: Mapping[str, Any]) -> None:
        """Moves a run to its state."""
        self.paused(record)
        self._counts[record["state"]] += 1
        if record["state"] != "done":
            self._failures.append(printable(line(record), 200))

    def noted(self, sentence: str) -> None:
        """Shows the sentence above the table, where it stays."""
        self._live.console.print(Text(printable(sentence, _LONGEST), "red"))

    def _table(self) -> Group:
        """The current display."""
        now = time.monotonic()
        ended = sum(self._counts.values())
        finished = ended - self._counts["kept"]
        rate = finished / max(now - self._start, 1e-9)
        left = f"{duration((self._total - ended) / rate)} left" if finished else "time left unknown"
        head = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(self._total, 1), completed=ended, width=30)
        text = f"{duration(now - self._start)}, {rate:.3g} runs/s, {left}"
        head.add_row(bar, f"{ended} of {self._total}", text)
        waiting = self._total - ended - len(self._running)
        states = {**self._counts, "running": len(self._running), "queued": waiting}
        words = [Text(f"{n} {s}", _STYLES.get(s, "")) for s, n in states.items() if n]
        running = list(self._running.values())
        lines = [f"{duration(now - begun):>8}  {name}" for name, begun in running]
        more = len(lines) - _RUNNING_SHOWN
        lines[_RUNNING_SHOWN:] = [f"{'':>8}  and {more} more"] if more > 0 else []
        failures = [Text(one, "red", overflow="fold") for one in self._failures]
        return Group(head, Text(", ").join(words), *map(Text, lines), *failures)


def line(record: Mapping[str, Any]) -> str:
    """One line: state, name, seconds, and the error of a run that is not done."""
    seconds = record["timings"].get("seconds", 0.0)
    reason = "" if record["state"] == "done" else f": {record['error']}"
    name = f"{record['name']}/{record['run']}"
    return printable(f"{record['state']} {name} {seconds:.3g} s{reason}", 300)


def printable(text: str, most: int) -> str:
    """The text in one line without control characters."""
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return text if len(text) <= most else text[: most - 3] + "..."


def duration(seconds: float) -> str:
    """A duration as text: `4.2 s`, `3:07`, `2:15:00`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
