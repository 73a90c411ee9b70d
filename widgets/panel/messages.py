"""What a panel says beside its figure, as HTML that screen readers read out."""

from __future__ import annotations

import html
import traceback

from widgets.panel.controls import SMALL


def announced(text: str) -> str:
    """A quiet word, read out when nothing else is; keeps its line so that nothing jumps."""
    return f'<p role="status" style="{SMALL};min-height:1.3em">{html.escape(text)}</p>'


def busy(seconds: float, share: float, note: str = "") -> str:
    """That work is under way: for how long, how far where that is known, and what is shown."""
    bar, how = "", ""
    if seconds > 1 and 0 < share < 1:
        how = f", {share:.0%} done"
        bar = (
            f'<progress value="{share:.3f}" aria-label="progress" style="height:0.9em"></progress>'
        )
    # Silent: a screen reader that read every beat out would never end.
    return (
        f'<p aria-live="off" style="{SMALL};min-height:1.3em">'
        f"{html.escape(note)} computing for {seconds:.1f} s{how} {bar}</p>"
    )


def traced(error: BaseException) -> str:
    """The traceback of an error as plain text, without the panel's own steps to the experiment."""
    begin = error.__traceback__
    while begin is not None and begin.tb_frame.f_globals.get("__name__", "").startswith("widgets."):
        begin = begin.tb_next
    # An error of the panel itself is told whole.
    return "".join(traceback.format_exception(type(error), error, begin or error.__traceback__))


def folded(lines: str, *, opened: bool, label: str = "where it happened") -> str:
    """Many lines under a label that folds them away."""
    text = f'<pre style="overflow:auto;max-height:24em;{SMALL}">{html.escape(lines)}</pre>'
    return f"<details{' open' if opened else ''}><summary>{label}</summary>{text}</details>"
