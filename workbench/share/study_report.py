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
from workbench.records.table import columns
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
    points = placed_points(study, left_out)
    if not points:
        refuse("study", "a folder with the runs of a study", str(study))
    records = [record for _, record in points]
    values = _values(records)
    turned = {k for record in records for k in record["changed"]}
    knobs = columns(values, most=_MOST_RESULTS)
    varying = [k for k in knobs if _varies(k, values)]
    # What a notebook computes, such as the time, is no knob that the study turned.
    varying = [k for k in varying if k in turned or not turned][:_MOST_RESULTS]
    fixed = [(k, v) for k, v in values[0].items() if k not in varying]
    claims = _claims(records)
    results = columns(map(_numbers, records), most=_MOST_RESULTS)
    figures = _figures(records, values, varying, _measures(records, results, claims))
    links = [address(folder / PAGE, study) for folder, _ in points]
    table = StudyTable(records, values, links, varying, results, claims, MOST_ROWS)
    scripts = [plotly_library([fig for _, fig in figures])] if figures else []
    scripts += [page_script(), script("report.js")]
    title = next((r["title"] for r in records if r["title"] != r["name"]), records[0]["name"])
    text = document(
        "report.html.j2",
        scripts,
        title=title[:300],
        name=", ".join(sorted({r["name"] for r in records})[:20])[:300],
        states=_counts_text(Counter(r["state"][:40] for r in records)),
        varying=varying,
        fixed=[(k, spelled(v)) for k, v in fixed[:_MOST_RESULTS]],
        figures=data([figure_html(fig) for _, fig in figures]),
        labels=[label for label, _ in figures],
        figure=Markup(figure_html(figures[0][1])) if figures else "",
        columns=table.columns,
        rows=table.rows,
        rest=data(table.rest) if table.rest["rows"] else "",
        searched=len(table.rows) + len(table.rest["rows"]),
        count=len(records),
        claims=[{"claim": c, "counts": _verdicts(records, key)} for key, c in claims.items()],
        sketches=_sketches(points, varying, links),
        most_sketches=MOST_SKETCHES,
    )
    try:
        write_text(study / REPORT, text)
    except OSError as error:
        refuse("study", f"a folder that can be written ({error.strerror})", str(study))
    return study / REPORT, len(records)


def _values(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All knobs of every run; a queued run has the defaults of the others."""
    defaults: dict[str, Any] = {}
    for record in records:
        for name, value in record["knobs"].items():
            if record["state"] != "queued" and name not in record["changed"]:
                defaults.setdefault(name, value)
    # In the order of the experiment, which the runs that have started have.
    names = {n: None for r in records if r["state"] != "queued" for n in r["knobs"]}
    values = [defaults | r["knobs"] for r in records]
    return [{n: one[n] for n in [*names, *(set(one) - set(names))] if n in one} for one in values]


def _varies(name: str, values: Sequence[Mapping[str, Any]]) -> bool:
    first = values[0].get(name)
    exact = _key(first)
    return any(v is not first and _key(v) != exact for v in (one.get(name) for one in values))


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the summary that a cell can show."""
    return {k: v for k, v in record["summary"].items() if isinstance(v, str | int | float)}


def _claims(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    """The distinct claims of all runs by `claim_key`; at most 100."""
    claims: dict[tuple[str, ...], dict[str, Any]] = {}
    for claim in (c for r in records for c in r["claims"]):
        key = claim_key(claim)
        if key not in claims and len(claims) == _MOST_CLAIMS:
            continue
        first = claims.setdefault(key, dict(claim))
        # What a law expects may depend on the knobs.
        if first["expected"] != claim["expected"]:
            first["expected"] = "depends on the knobs"
    return claims


def _measures(
    records: Sequence[Mapping[str, Any]],
    results: Sequence[str],
    claims: Mapping[tuple[str, ...], Any],
) -> dict[str, list[tuple[float, Any] | None]]:
    """The value and interval of each run, by label: of the summary, and measured by claims."""
    measures: dict[str, list[tuple[float, Any] | None]] = {}
    for name in results:
        measures[name] = [_finite(r["summary"].get(name)) for r in records]
    places = {key: place for place, key in enumerate(claims, 1)}
    for place in places.values():
        measures[f"claim {place}, measured"] = [None] * len(records)
    for i, record in enumerate(records):
        for claim in record["claims"]:
            if place := places.get(claim_key(claim)):
                measured = _finite(claim["measured"], claim["interval"])
                measures[f"claim {place}, measured"][i] = measured
    return {label: numbers for label, numbers in measures.items() if any(numbers)}


def _finite(value: Any, interval: Any = None) -> tuple[float, Any] | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (float(value), interval and tuple(interval)) if is_number else None


def _figures(
    records: Sequence[Mapping[str, Any]],
    values: Sequence[Mapping[str, Any]],
    varying: Sequence[str],
    measures: Mapping[str, Sequence[tuple[float, Any] | None]],
) -> list[tuple[str, dict[str, Any]]]:
    """The label and the figure of each number that can be drawn."""
    knobs = [k for k in varying if k != "seed"] or list(varying)
    drawn = []
    most = _MOST_FIGURES if len(records) <= MOST_ROWS else _FEWER_FIGURES
    for label, numbers in list(measures.items())[:most]:
        points = [
            Point({k: value[k] for k in knobs}, *measured)
            for record, value, measured in zip(records, values, numbers, strict=True)
            if measured and record["state"] == "done" and all(k in value for k in knobs)
        ]
        fig = study_figure(points, label)
        if fig:
            drawn.append((label, fig))
    return drawn


def _verdicts(records: Sequence[Mapping[str, Any]], key: tuple[str, ...]) -> list[tuple[str, int]]:
    counts = Counter(c["verdict"] for r in records for c in r["claims"] if claim_key(c) == key)
    return [(verdict, counts[verdict]) for verdict in MARKS if counts[verdict]]


def _sketches(
    points: Sequence[tuple[Path, Mapping[str, Any]]],
    varying: Sequence[str],
    links: Sequence[str | None],
) -> list[dict[str, Any]]:
    """Small drawings of the runs' main figures; none if there are too many."""
    drawn = []
    for (folder, record), link in zip(points, links, strict=True):
        if not os.path.isfile(f"{folder}/{NOTEBOOK}"):
            continue
        if len(drawn) == MOST_SKETCHES:
            return []
        figure = main_figure(folder / NOTEBOOK)
        if picture := sketch(figure):
            knobs = record["knobs"]
            label = ", ".join(f"{n} {spelled(knobs[n])}" for n in varying if n in knobs)
            alt = html.unescape(alternative(figure))[:300]
            drawn.append({"svg": Markup(picture), "label": label, "link": link, "alt": alt})
    return drawn


def _counts_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number(count)} {state}" for state, count in sorted(counts.items()))


def _key(value: Any) -> str:
    return repr(value) if type(value) is float else json.dumps(value, sort_keys=True)
