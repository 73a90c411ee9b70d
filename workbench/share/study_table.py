"""The table of a report: rows in HTML, and the other runs as data for the page's script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.experiment.decisions import MARKS
from workbench.share.study_figures import spelled

# More cells take a browser seconds, and more values take over 10 MB.
_MOST_CELLS, _MOST_VALUES = 30_000, 600_000


class StudyTable:
    """The runs of a study, one per row: knobs, state, seconds, results and verdicts.

    Args:
        records: briefs of the runs.
        values: all knobs of every run.
        links: the address of each run's page; None if it has none.
        varying: names of the knobs that have columns.
        results: names of the numbers that have columns.
        claims: the claims that have columns, by key.
        most: the largest number of rows in HTML; fewer if there are many columns.

    Attributes:
        columns: name, title and kind of each column.
        rows: the first rows, with their cells.
        rest: the rows after these, for the page's script.
    """

    def __init__(
        self,
        records: Sequence[Mapping[str, Any]],
        values: Sequence[Mapping[str, Any]],
        links: Sequence[str | None],
        varying: Sequence[str],
        results: Sequence[str],
        claims: Mapping[tuple[str, ...], Any],
        most: int,
    ):
        self._varying, self._results, self._claims = varying, results, claims
        titles = [(n, "") for n in [*varying, "state", "seconds", *results]]
        titles += [(f"claim {place}", c["statement"]) for place, c in enumerate(claims.values(), 1)]
        shown = max(1, min(most, _MOST_CELLS // len(titles)))
        parts = list(zip(records, values, links, strict=True))
        cells = [self._values(*two) for two in zip(records[:shown], values[:shown], strict=True)]
        is_number = [any(_is_number(row[i]) for row in cells) for i in range(len(titles))]
        self.columns = [
            {"name": name, "title": title, "is_number": number}
            for (name, title), number in zip(titles, is_number, strict=True)
        ]
        self.rows = [self._row(*part) for part in parts[:shown]]
        searched = shown + _MOST_VALUES // len(titles)
        first = len(titles) - len(claims)
        self.rest = {
            "first claim": first + 1,
            "marks": MARKS,
            "rows": [self._bare(*part) for part in parts[shown:searched]],
        }

    def _values(self, record: Mapping[str, Any], knobs: Mapping[str, Any]) -> list[Any]:
        """The value of every column; None if there is none."""
        verdicts = {claim_key(c): c["verdict"] for c in record["claims"]}
        return [
            *(knobs.get(name) for name in self._varying),
            record["state"],
            record["timings"]["seconds"],
            *(record["summary"].get(name) for name in self._results),
            *(verdicts.get(key) for key in self._claims),
        ]

    def _row(
        self, record: Mapping[str, Any], knobs: Mapping[str, Any], link: str | None
    ) -> dict[str, Any]:
        cells = [_cell(value) for value in self._values(record, knobs)]
        for cell in cells[len(cells) - len(self._claims) :]:
            cell["verdict"] = cell["value"] or None
        error = (record["error"] or "")[:300]
        return {"link": link, "run": record["run"], "error": error, "cells": cells}

    def _bare(
        self, record: Mapping[str, Any], knobs: Mapping[str, Any], link: str | None
    ) -> list[Any]:
        """Link, error, and the values: numbers, or texts as a cell shows them."""
        values = [
            v if v is None or _is_number(v) else spelled(v) for v in self._values(record, knobs)
        ]
        return [link, (record["error"] or "")[:300], *values]


def claim_key(claim: Mapping[str, Any]) -> tuple[str, ...]:
    """The identity of a claim across runs: paper, place and statement."""
    return claim["paper"], claim["where"], claim["statement"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> dict[str, Any]:
    """A cell: its text, and the value that the page's script compares."""
    if value is None:
        return {"text": "–", "value": "", "is_number": False, "verdict": None}
    is_number = _is_number(value)
    exact = repr(value) if is_number else spelled(value)
    return {"text": spelled(value), "value": exact, "is_number": is_number, "verdict": None}
