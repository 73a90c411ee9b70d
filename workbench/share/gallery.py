"""One page over everything below a folder: a card for each run and study, found by a search.

Cards show a sketch of the run's main figure, so that the page needs no library; it works from disk
and from any server, as all its links are relative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from workbench.base.checks import refuse, spell
from workbench.experiment.decisions import MARKS
from workbench.records.store import find_records, find_studies, normal
from workbench.runs.atomic import write_text
from workbench.runs.record import NOTEBOOK, PAGE
from workbench.share.html import address, document, script
from workbench.share.shared_plotly import inline, share
from workbench.share.sketch import alternative, main_figure, sketch

INDEX, REPORT = "index.html", "report.html"
_WORDS = 300


def gallery(reports: Path, *, standalone: bool = False) -> tuple[Path, int]:
    """Writes `index.html` over the folder; its path and the number of cards.

    Plotly's library moves out of the runs' pages into one file beside the index, so that many pages
    stay small; the folder then travels as a whole.

    Args:
        reports: the folder of all runs.
        standalone: put the library back into every page instead, so that each travels alone.

    Raises:
        ValueError: if there is no such folder, or it cannot be written.
    """
    if not reports.is_dir():
        refuse("reports", "a folder with runs in it", str(reports))
    found = [(folder, normal(record)) for folder, record in find_records(reports)]
    studies = list(find_studies(reports))
    # A call of a function leaves numbers and no page; its study's card stands for it.
    inside = [folder for folder, _ in studies]
    shown = [(f, r) for f, r in found if not (_is_call(r) and _is_within(f, inside))]
    cards = [_card(folder, record, reports) for folder, record in shown]
    cards += [_study_card(folder, points, reports) for folder, points in studies]
    cards.sort(key=lambda card: card["start"], reverse=True)
    text = document(
        "gallery.html.j2",
        [script("gallery.js")],
        cards=cards,
        tally=_tally(Counter(c["verdict"] for _, r in shown for c in r["claims"])),
    )
    try:
        for folder, _ in shown:
            page = folder / PAGE
            if page.is_file() and not page.is_symlink():
                inline(page) if standalone else share(page, reports)
        write_text(reports / INDEX, text)
    except (OSError, UnicodeDecodeError) as error:
        refuse("reports", f"a folder that can be written ({error})", str(reports))
    return reports / INDEX, len(cards)


def _card(folder: Path, record: Mapping[str, Any], reports: Path) -> dict[str, Any]:
    figure = main_figure(folder / NOTEBOOK)
    link = next((folder / n for n in (PAGE, NOTEBOOK) if (folder / n).is_file()), None)
    changed = ", ".join(f"{name} {spell(value)}" for name, value in record["changed"].items())
    return {
        "kind": "run",
        "title": record["title"][:_WORDS],
        "name": record["name"],
        "run": record["run"],
        "state": record["state"],
        "start": record["timings"]["start"],
        "changed": changed[:_WORDS],
        "error": record["error"][:_WORDS],
        "link": address(link, reports) if link else None,
        "sketch": Markup(sketch(figure)),
        "alt": alternative(figure)[:_WORDS],
        "tally": _tally(Counter(c["verdict"] for c in record["claims"])),
        "claims": record["claims"],
    }


def _study_card(folder: Path, points: list[dict[str, Any]], reports: Path) -> dict[str, Any]:
    records = [normal(point) for point in points]
    first = next((r for r in records if r["title"] != r["name"]), records[0] if records else None)
    counts = Counter(r["state"] for r in records)
    report = folder / REPORT
    return {
        "kind": "study",
        "title": first["title"][:_WORDS] if first else folder.name,
        "name": first["name"] if first else "",
        "run": folder.name,
        "state": ", ".join(f"{count} {state}" for state, count in sorted(counts.items())),
        "start": max((r["timings"]["start"] for r in records), default=""),
        "changed": "",
        "error": "",
        "link": address(report, reports) if report.is_file() else None,
        "sketch": "",
        "alt": "",
        "tally": _tally(Counter(c["verdict"] for r in records for c in r["claims"])),
        "claims": [],
    }


def _tally(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(verdict, counts[verdict]) for verdict in MARKS if counts.get(verdict)]


def _is_call(record: Mapping[str, Any]) -> bool:
    return record["depth"] == "function"


def _is_within(folder: Path, places: list[Path]) -> bool:
    return any(folder.is_relative_to(place) for place in places)
