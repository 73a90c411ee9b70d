"""Messages of a panel as HTML that screen readers read out."""

from __future__ import annotations

import html
import traceback

SMALL = "font-size:0.85em;line-height:1.3;margin:0"
ALERT = "color:var(--jp-error-color1,#b00020);line-height:1.3;margin:0;overflow-wrap:anywhere"


def alert(text: str) -> str:
    """An error message, which a screen reader reads out at once; empty for an empty text."""
    return f'<p role="alert" style="{ALERT}">⚠ {html.escape(text)}</p>' if text else ""


def status(text: str) -> str:
    """A status message, read out when nothing else is; takes a line even if empty."""
    return f'<p role="status" style="{SMALL};min-height:1.3em">{html.escape(text)}</p>'


def progress(seconds: float, share: float, note: str = "") -> str:
    """A progress message.

    Args:
        seconds: how long the work has run.
        share: the part of it that is done, from 0 to 1; shown after a second, if above 0.
        note: what the figure shows meanwhile.
    """
    bar, done = "", ""
    if seconds > 1 and 0 < share < 1:
        done = f", {share:.0%} done"
        bar = (
            f'<progress value="{share:.3f}" aria-label="progress" style="height:0.9em"></progress>'
        )
    # Not read out: a screen reader would repeat it several times a second.
    return (
        f'<p aria-live="off" style="{SMALL};min-height:1.3em">'
        f"{html.escape(note)} computing for {seconds:.1f} s{done} {bar}</p>"
    )


def help_text(text: str) -> str:
    """A short explanation in small print."""
    return f'<p style="{SMALL}">{html.escape(text)}</p>'


def traceback_text(error: BaseException) -> str:
    """The traceback of an error, without the panel's frames above those of the experiment."""
    begin = error.__traceback__
    while begin is not None and begin.tb_frame.f_globals.get("__name__", "").startswith("widgets."):
        begin = begin.tb_next
    # An error of the panel itself has no other frames and is shown whole.
    return "".join(traceback.format_exception(type(error), error, begin or error.__traceback__))


def collapsible(text: str, *, is_open: bool, label: str = "where it happened") -> str:
    """Preformatted text under a label that opens and closes it."""
    text = f'<pre style="overflow:auto;max-height:24em;{SMALL}">{html.escape(text)}</pre>'
    return f"<details{' open' if is_open else ''}><summary>{label}</summary>{text}</details>"
