"""One page that compares the runs of a study, without a server and without a kernel."""

from __future__ import annotations

import html
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from workbench.base.checks import refuse
from workbench.base.rows import number
from workbench.experiment.decisions import MARKS
from workbench.pages.cells.figure import figure_html
from workbench.pages.plotly_library import plotly_library
from workbench.records.store import LeftOut, placed_points
from workbench.records.table import Columns
from workbench.runs.record import NOTEBOOK, PAGE
from workbench.runs.run_folder import write_text
from workbench.share.html import address, data, document, page_script, script
from workbench.share.sketch import alternative, main_figure, sketch
from workbench.share.study_figures import Point, spelled, study_figure
from workbench.share.study_table import StudyTable, claim_key

REPORT = "report.html"
# A browser shows so many rows at once; filter, order, plot and claims go over more.
MOST_ROWS = 2000
MOST_SKETCHES = 48
# Of many runs each figure takes a quarter of a megabyte.
_MOST_FIGURES, _FEWER_FIGURES = 40, 16
_MOST_RESULTS, _MOST_CLAIMS = 100, 100


def report(study: Path, left_out: LeftOut | None = None) -> tuple[Path, int]:
    """Writes `report.html` into the study's folder; its path and the number of runs in it.

    Args:
        study: the folder of a study, or any folder with runs of one experiment.
        left_out: takes a sentence for every record that is left out.

    Raises:
        ValueError: if there are no runs, or the folder cannot be written.
    """
    found = placed_points(study, left_out)
    if not found:
        refuse("study", "a folder with the runs of a study", str(study))
    records = [record for _, record in found]
    values = _values(records)
    turned = {k for record in records for k in record["changed"]}
    varying = [k for k in _names(values) if _varies(k, values)]
    # What a notebook computes, such as the time, is no knob that the study turned.
    varying = [k for k in varying if k in turned or not turned][:_MOST_RESULTS]
    fixed = [(k, v) for k, v in values[0].items() if k not in varying]
    claims = _claims(records)
    results = _names([_numbers(r) for r in records])
    figures = _figures(records, values, varying, _measures(records, results, claims))
    links = [_link(folder, study) for folder, _ in found]
    table = StudyTable(records, values, links, varying, results, claims, MOST_ROWS)
    scripts = [plotly_library([made for _, made in figures])] if figures else []
    scripts += [page_script(), script("report.js")]
    title = next((r["title"] for r in records if r["title"] != r["name"]), records[0]["name"])
    text = document(
        "report.html.j2",
        scripts,
        title=title[:300],
        name=", ".join(sorted({r["name"] for r in records})[:20])[:300],
        states=_told(Counter(r["state"][:40] for r in records)),
        varying=varying,
        fixed=[(k, spelled(v)) for k, v in fixed[:_MOST_RESULTS]],
        figures=data([figure_html(made) for _, made in figures]),
        labels=[label for label, _ in figures],
        figure=Markup(figure_html(figures[0][1])) if figures else "",
        columns=table.columns,
        rows=table.rows,
        rest=data(table.rest) if table.rest["rows"] else "",
        searched=len(table.rows) + len(table.rest["rows"]),
        count=len(records),
        claims=[{"told": c, "counts": _verdicts(records, key)} for key, c in claims.items()],
        sketches=_sketches(found, varying, links),
        most_sketches=MOST_SKETCHES,
    )
    try:
        write_text(study / REPORT, text)
    except OSError as error:
        refuse("study", f"a folder that can be written ({error.strerror})", str(study))
    return study / REPORT, len(records)


def _values(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All knobs of every run; those of a run that never began are the others' defaults."""
    defaults: dict[str, Any] = {}
    for record in records:
        for name, value in record["knobs"].items():
            if record["state"] != "queued" and name not in record["changed"]:
                defaults.setdefault(name, value)
    # The order is that of the experiment, which a run that began holds.
    names = {n: None for r in records if r["state"] != "queued" for n in r["knobs"]}
    held = [defaults | r["knobs"] for r in records]
    return [{n: one[n] for n in [*names, *(set(one) - set(names))] if n in one} for one in held]


def _varies(name: str, values: Sequence[Mapping[str, Any]]) -> bool:
    first = values[0].get(name)
    exact = _key(first)
    return any(v is not first and _key(v) != exact for v in (one.get(name) for one in values))


def _names(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names in the order of their appearance; of many those that most runs have."""
    found = Columns()
    for one in values:
        for name in one:
            found.see(name)
    return found.chosen(most=_MOST_RESULTS)


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a run found, without what no cell shows."""
    return {k: v for k, v in record["summary"].items() if isinstance(v, str | int | float)}


def _claims(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Every different sentence that a run decided, by paper, place and words; at most 100."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for claim in (c for r in records for c in r["claims"]):
        key = claim_key(claim)
        if key not in found and len(found) == _MOST_CLAIMS:
            continue
        first = found.setdefault(key, dict(claim))
        # What a law expects may depend on the knobs.
        if first["expected"] != claim["expected"]:
            first["expected"] = "depends on the knobs"
    return found


def _measures(
    records: Sequence[Mapping[str, Any]],
    results: Sequence[str],
    claims: Mapping[tuple[str, ...], Any],
) -> dict[str, list[tuple[float, Any] | None]]:
    """By label, each run's number and its interval: the summary's, and what claims measured."""
    found: dict[str, list[tuple[float, Any] | None]] = {}
    for name in results:
        found[name] = [_finite(r["summary"].get(name)) for r in records]
    places = {key: place for place, key in enumerate(claims, 1)}
    for place in places.values():
        found[f"claim {place}, measured"] = [None] * len(records)
    for i, record in enumerate(records):
        for claim in record["claims"]:
            if place := places.get(claim_key(claim)):
                told = _finite(claim["measured"], claim["interval"])
                found[f"claim {place}, measured"][i] = told
    return {label: numbers for label, numbers in found.items() if any(numbers)}


def _finite(value: Any, interval: Any = None) -> tuple[float, Any] | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (float(value), interval and tuple(interval)) if is_number else None


def _figures(
    records: Sequence[Mapping[str, Any]],
    values: Sequence[Mapping[str, Any]],
    varying: Sequence[str],
    measures: Mapping[str, Sequence[tuple[float, Any] | None]],
) -> list[tuple[str, dict[str, Any]]]:
    """For each number that can be drawn, its label and its figure."""
    knobs = [k for k in varying if k != "seed"] or list(varying)
    drawn = []
    most = _MOST_FIGURES if len(records) <= MOST_ROWS else _FEWER_FIGURES
    for label, numbers in list(measures.items())[:most]:
        points = [
            Point({k: value[k] for k in knobs}, *held)
            for record, value, held in zip(records, values, numbers, strict=True)
            if held and record["state"] == "done" and all(k in value for k in knobs)
        ]
        made = study_figure(points, label)
        if made:
            drawn.append((label, made))
    return drawn


def _verdicts(records: Sequence[Mapping[str, Any]], key: tuple[str, ...]) -> list[tuple[str, int]]:
    counts = Counter(c["verdict"] for r in records for c in r["claims"] if claim_key(c) == key)
    return [(verdict, counts[verdict]) for verdict in MARKS if counts[verdict]]


def _sketches(
    found: Sequence[tuple[Path, Mapping[str, Any]]],
    varying: Sequence[str],
    links: Sequence[str | None],
) -> list[dict[str, Any]]:
    """The runs' main figures, small; none at all where they are too many to look at."""
    drawn = []
    for (folder, record), link in zip(found, links, strict=True):
        if not os.path.isfile(f"{folder}/{NOTEBOOK}"):
            continue
        if len(drawn) == MOST_SKETCHES:
            return []
        figure = main_figure(folder / NOTEBOOK)
        if picture := sketch(figure):
            knobs = record["knobs"]
            told = ", ".join(f"{name} {spelled(knobs[name])}" for name in varying if name in knobs)
            alt = html.unescape(alternative(figure))[:300]
            drawn.append({"svg": Markup(picture), "told": told, "link": link, "alt": alt})
    return drawn


def _link(folder: Path, study: Path) -> str | None:
    return address(folder / PAGE, study) if os.path.isfile(f"{folder}/{PAGE}") else None


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number(count)} {state}" for state, count in sorted(counts.items()))


def _key(value: Any) -> str:
    return repr(value) if type(value) is float else json.dumps(value, sort_keys=True)
