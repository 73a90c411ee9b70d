"""The gallery: a page with a searchable card for each run and study below a folder.

Cards have a small drawing of the run's main figure, so the page needs no library; all links are
relative, so it works from disk and from any server. Of many cards, the newest are in the page, and
its script searches the others and creates them, without drawings.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from workbench.base.checks import refuse, spell
from workbench.experiment.decisions import MARKS
from workbench.records.store import LeftOut, find_records, find_studies, study_points
from workbench.runs.record import NOTEBOOK, PAGE
from workbench.runs.run_folder import write_text
from workbench.share.html import address, data, document, script
from workbench.share.shared_plotly import inline, share
from workbench.share.sketch import alternative, main_figure, sketch

INDEX, REPORT = "index.html", "report.html"
# Cards in the page, and cards that are searched.
MOST_CARDS, MOST_SEARCHED = 300, 100_000
_WORDS, _FEW_WORDS = 300, 120


def gallery(
    reports: Path, *, standalone: bool = False, left_out: LeftOut | None = None
) -> tuple[Path, int]:
    """Writes `index.html` into the folder; returns its path and the number of cards.

    Plotly's library is moved from the runs' pages into one file beside the index, which then must
    be passed on together with them.

    Args:
        reports: the folder of all runs.
        standalone: move the library back into every page instead, so that each works alone.
        left_out: called with each record that is left out, and the reason.

    Raises:
        ValueError: if there is no such folder, or it cannot be written.
    """
    if not reports.is_dir():
        refuse("reports", "a folder with runs in it", str(reports))
    collected = _Collected(reports)
    studies = list(find_studies(reports))
    inside = {str(folder) for folder, _ in studies}
    pages = []
    for folder, record in find_records(reports, left_out, calls_of=inside):
        # A function run has no page; the card of its study counts it.
        if record["depth"] == "function" and _is_within(folder, inside):
            continue
        collected.add(folder, record)
        if (folder / PAGE).is_file() and not (folder / PAGE).is_symlink():
            pages.append(folder / PAGE)
    cards = [_card(*one, reports) for one in collected.newest()]
    cards += [_study_card(folder, reports) for folder, _ in studies]
    cards.sort(key=lambda card: card["start"], reverse=True)
    rest = collected.rest()
    count = len(cards) + len(rest["rows"])
    text = document(
        "gallery.html.j2",
        [script("gallery.js")],
        cards=cards,
        rest=data(rest) if rest["rows"] else "",
        count=len(studies) + collected.count,
        searched=count,
        tally=_tally(collected.verdicts),
    )
    try:
        for page in pages:
            inline(page) if standalone else share(page, reports)
        write_text(reports / INDEX, text)
    except OSError as error:
        refuse("reports", f"a folder that can be written ({error})", str(reports))
    return reports / INDEX, len(studies) + collected.count


class _Collected:
    """Collects the newest runs, and of the others the texts that are searched.

    Args:
        reports: the folder of all runs.
    """

    def __init__(self, reports: Path):
        self.count, self.verdicts = 0, Counter[str]()
        self._reports = reports
        self._heap: list[tuple[str, int, Path, dict[str, Any]]] = []
        self._rows: list[tuple[str, int, list[Any]]] = []
        # Texts that many runs share are stored once.
        self._words: dict[str, int] = {}

    def add(self, folder: Path, record: dict[str, Any]) -> None:
        """Adds a run."""
        # Of two runs with the same start, the first in the folder counts as newer.
        entry = record["timings"]["start"], -self.count, folder, record
        self.count += 1
        self.verdicts.update(c["verdict"] for c in record["claims"])
        if len(self._heap) < MOST_CARDS:
            heapq.heappush(self._heap, entry)
            return
        start, order, folder, record = heapq.heappushpop(self._heap, entry)
        if len(self._rows) < MOST_SEARCHED:
            self._rows.append((start, order, self._row(folder, record)))

    def newest(self) -> list[tuple[Path, dict[str, Any]]]:
        """Folder and record of the newest runs."""
        return [(folder, record) for *_, folder, record in sorted(self._heap, reverse=True)]

    def rest(self) -> dict[str, Any]:
        """All other runs, newest first, for the page's script."""
        self._rows.sort(key=lambda one: one[:2], reverse=True)
        rows = [row for _, _, row in self._rows]
        return {"words": list(self._words), "marks": list(MARKS.items()), "rows": rows}

    def _row(self, folder: Path, record: Mapping[str, Any]) -> list[Any]:
        counts = Counter(c["verdict"] for c in record["claims"])
        said = " ".join(c["statement"][:_WORDS] for c in record["claims"][:20])
        common = record["title"][:_WORDS], record["name"][:_WORDS], record["state"][:40], said
        places = [self._words.setdefault(text, len(self._words)) for text in common]
        texts = record["timings"]["start"][:10], _changed(record), (record["error"] or "")
        link = _link(folder, self._reports)
        return [*places, *(t[:_FEW_WORDS] for t in texts), link, [counts[v] for v in MARKS]]


def _card(folder: Path, record: Mapping[str, Any], reports: Path) -> dict[str, Any]:
    figure = main_figure(folder / NOTEBOOK)
    return {
        "kind": "run",
        "title": record["title"][:_WORDS],
        "name": record["name"][:_WORDS],
        "run": record["run"],
        "state": record["state"][:40],
        "start": record["timings"]["start"],
        "changed": _changed(record)[:_WORDS],
        "error": (record["error"] or "")[:_WORDS],
        "link": _link(folder, reports),
        "sketch": Markup(sketch(figure)),
        "alt": alternative(figure)[:_WORDS],
        "tally": _tally(Counter(c["verdict"] for c in record["claims"])),
        "claims": record["claims"],
    }


def _study_card(folder: Path, reports: Path) -> dict[str, Any]:
    title = name = start = ""
    states, verdicts = Counter[str](), Counter[str]()
    for record in study_points(folder) or ():
        if not name or (title == name and record["title"] != record["name"]):
            title, name = record["title"], record["name"]
        start = max(start, record["timings"]["start"])
        states[record["state"][:40]] += 1
        verdicts.update(c["verdict"] for c in record["claims"])
    return {
        "kind": "study",
        "title": title[:_WORDS] or folder.name,
        "name": name[:_WORDS],
        "run": folder.name,
        "state": ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
        "start": start,
        "changed": "",
        "error": "",
        "link": address(folder / REPORT, reports),
        "sketch": "",
        "alt": "",
        "tally": _tally(verdicts),
        "claims": [],
    }


def _changed(record: Mapping[str, Any]) -> str:
    some = itertools.islice(record["changed"].items(), 50)
    return ", ".join(f"{name} {spell(value)}" for name, value in some)


def _link(folder: Path, reports: Path) -> str | None:
    return address(folder / PAGE, reports) or address(folder / NOTEBOOK, reports)


def _tally(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(verdict, counts[verdict]) for verdict in MARKS if counts.get(verdict)]


def _is_within(folder: Path, places: set[str]) -> bool:
    return any(str(place) in places for place in (folder, *folder.parents))
