"""One page that compares the runs of a study, without a server and without a kernel."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from workbench.base.checks import refuse
from workbench.base.rows import number
from workbench.experiment.decisions import MARKS
from workbench.pages.cells.figure import figure_html
from workbench.pages.page import TEMPLATE
from workbench.pages.plotly_library import plotly_library
from workbench.records.store import normal, placed_points
from workbench.runs.atomic import write_text
from workbench.runs.record import NOTEBOOK, PAGE
from workbench.share.html import address, data, document, script
from workbench.share.sketch import alternative, main_figure, sketch
from workbench.share.study_figures import Point, spelled, study_figure

REPORT = "report.html"
# A browser sorts so many rows at once; the plot and the claims count all runs.
MOST_ROWS = 2000
MOST_SKETCHES = 48
_MOST_FIGURES = 40


def report(study: Path) -> tuple[Path, int]:
    """Writes `report.html` into the study's folder; its path and the number of runs in it.

    Args:
        study: the folder of a study, or any folder with runs of one experiment.

    Raises:
        ValueError: if there are no runs, or the folder cannot be written.
    """
    found = [(folder, normal(record)) for folder, record in placed_points(study)]
    if not found:
        refuse("study", "a folder with the runs of a study", str(study))
    records = [record for _, record in found]
    values = _values(records)
    turned = {k for record in records for k in record["changed"]}
    varying = [k for k in _names(values) if len({_key(v.get(k)) for v in values}) > 1]
    # What a notebook computes, such as the time, is no knob that the study turned.
    varying = [k for k in varying if k in turned or not turned]
    fixed = {k: v for k, v in values[0].items() if k not in varying}
    claims = _claims(records)
    measures = _measures(records, claims)
    results = _names([r["summary"] for r in records])
    figures = _figures(records, values, varying, measures)
    links = [_link(folder, study) for folder, _ in found]
    knobs = [{k: _cell(v[k]) for k in varying if k in v} for v in values]
    rows = [
        _row(*parts, varying, results, claims) for parts in zip(records, knobs, links, strict=True)
    ]
    scripts = [plotly_library([made for _, made in figures])] if figures else []
    scripts += [(TEMPLATE / "page.js").read_text(encoding="utf-8"), script("report.js")]
    title = next((r["title"] for r in records if r["title"] != r["name"]), records[0]["name"])
    text = document(
        "report.html.j2",
        scripts,
        title=title[:300],
        name=", ".join(sorted({r["name"] for r in records}))[:300],
        states=_told(Counter(r["state"] for r in records)),
        varying=varying,
        fixed=[(k, spelled(v)) for k, v in fixed.items()],
        figures=data([figure_html(made) for _, made in figures]),
        labels=[label for label, _ in figures],
        figure=Markup(figure_html(figures[0][1])) if figures else "",
        columns=_columns(varying, results, claims, rows),
        rows=rows[:MOST_ROWS],
        count=len(rows),
        claims=[{"told": c, "counts": _verdicts(records, key)} for key, c in claims.items()],
        sketches=_sketches(found, knobs, links),
        most_sketches=MOST_SKETCHES,
    )
    try:
        write_text(study / REPORT, text)
    except OSError as error:
        refuse("study", f"a folder that can be written ({error.strerror})", str(study))
    return study / REPORT, len(rows)


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


def _names(values: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for one in values for name in one))


def _claims(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every different sentence that a run decided, by paper, place and words."""
    found: dict[str, dict[str, Any]] = {}
    for claim in (c for r in records for c in r["claims"]):
        first = found.setdefault(_claim_key(claim), dict(claim))
        # What a law expects may depend on the knobs.
        if first["expected"] != claim["expected"]:
            first["expected"] = "depends on the knobs"
    return found


def _claim_key(claim: Mapping[str, Any]) -> str:
    return _key([claim["paper"], claim["where"], claim["statement"]])


def _measures(
    records: Sequence[Mapping[str, Any]], claims: Mapping[str, Any]
) -> dict[str, list[tuple[float, Any] | None]]:
    """By label, each run's number and its interval: the summary's, and what claims measured."""
    found: dict[str, list[tuple[float, Any] | None]] = {}
    for name in _names([r["summary"] for r in records]):
        found[name] = [_finite(r["summary"].get(name)) for r in records]
    for place, key in enumerate(claims, 1):
        held = [{_claim_key(c): c for c in r["claims"]}.get(key) for r in records]
        numbers = [_finite(c["measured"], c["interval"]) if c else None for c in held]
        found[f"claim {place}, measured"] = numbers
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
    for label, numbers in list(measures.items())[:_MOST_FIGURES]:
        points = [
            Point({k: value[k] for k in knobs}, *held)
            for record, value, held in zip(records, values, numbers, strict=True)
            if held and record["state"] == "done" and all(k in value for k in knobs)
        ]
        made = study_figure(points, label)
        if made:
            drawn.append((label, made))
    return drawn


def _columns(
    varying: Sequence[str],
    results: Sequence[str],
    claims: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    told = [(n, "") for n in [*varying, "state", "seconds", *results]]
    told += [(f"claim {place}", c["statement"]) for place, c in enumerate(claims.values(), 1)]
    return [
        {"name": name, "title": title, "is_number": any(r["cells"][i]["is_number"] for r in rows)}
        for i, (name, title) in enumerate(told)
    ]


def _row(
    record: Mapping[str, Any],
    knobs: Mapping[str, Any],
    link: str | None,
    varying: Sequence[str],
    results: Sequence[str],
    claims: Mapping[str, Any],
) -> dict[str, Any]:
    held = {_claim_key(c): c["verdict"] for c in record["claims"]}
    cells = [knobs.get(k, _cell(None)) for k in varying]
    cells += [_cell(record["state"]), _cell(record["timings"]["seconds"])]
    cells += [_cell(record["summary"].get(name)) for name in results]
    for key in claims:
        verdict = held.get(key)
        cells.append({**_cell(verdict), "verdict": verdict} if verdict else _cell(None))
    return {"link": link, "run": record["run"], "error": record["error"][:300], "cells": cells}


def _cell(value: Any) -> dict[str, Any]:
    """A value as a cell shows it, and as the page's script compares it."""
    if value is None:
        return {"text": "–", "value": "", "is_number": False, "verdict": None}
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    exact = repr(value) if is_number else spelled(value)
    return {"text": spelled(value), "value": exact, "is_number": is_number, "verdict": None}


def _verdicts(records: Sequence[Mapping[str, Any]], key: str) -> list[tuple[str, int]]:
    counts = Counter(c["verdict"] for r in records for c in r["claims"] if _claim_key(c) == key)
    return [(verdict, counts[verdict]) for verdict in MARKS if counts[verdict]]


def _sketches(
    found: Sequence[tuple[Path, Mapping[str, Any]]],
    knobs: Sequence[Mapping[str, Any]],
    links: Sequence[str | None],
) -> list[dict[str, Any]]:
    """The runs' main figures, small; none at all where they are too many to look at."""
    drawn = []
    for (folder, _), held, link in zip(found, knobs, links, strict=True):
        if not (folder / NOTEBOOK).is_file():
            continue
        if len(drawn) == MOST_SKETCHES:
            return []
        figure = main_figure(folder / NOTEBOOK)
        if picture := sketch(figure):
            told = ", ".join(f"{name} {cell['text']}" for name, cell in held.items())
            alt = html.unescape(alternative(figure))[:300]
            drawn.append({"svg": Markup(picture), "told": told, "link": link, "alt": alt})
    return drawn


def _link(folder: Path, study: Path) -> str | None:
    page = folder / PAGE
    return address(page, study) if page.is_file() else None


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number(count)} {state}" for state, count in sorted(counts.items()))


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
