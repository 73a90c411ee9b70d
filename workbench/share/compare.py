"""Compares two runs: knobs, code, environment, data and numbers; differences are marked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from workbench.base.checks import spell
from workbench.base.rows import number
from workbench.records.table import as_text
from workbench.share.html import document

_MACHINE = ("python", "platform", "processor", "cores", "memory_gib", "backend", "device")


class Line(NamedTuple):
    """One property of two runs.

    Attributes:
        part: knobs, code, environment, data, modules, numbers or verdicts.
        name: the name of the property.
        left: its value in the first run; None if it has none.
        right: its value in the second run.
    """

    part: str
    name: str
    left: Any
    right: Any

    @property
    def differs(self) -> bool:
        """Whether the values differ as JSON, so that True is not 1."""
        return _exact(self.left) != _exact(self.right)

    @property
    def change(self) -> float | None:
        """(right - left) / |left| of two different numbers; None otherwise, or if left is 0."""
        both = [v for v in (self.left, self.right) if _is_number(v)]
        if len(both) < 2 or not self.differs or not self.left:
            return None
        try:
            change = (self.right - self.left) / abs(self.left)
        except OverflowError:
            return None
        return change if math.isfinite(change) else None


def compare(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Line]:
    """All properties of two records.

    Args:
        left: a record from `normal.normal`.
        right: another one.
    """
    parts = [dict(_parts(record)) for record in (left, right)]
    lines = []
    for part in parts[0]:
        for name in dict.fromkeys([*parts[0][part], *parts[1][part]]):
            lines.append(Line(part, name, parts[0][part].get(name), parts[1][part].get(name)))
    return lines


def terminal(lines: list[Line], *, all_lines: bool = False) -> str:
    """The comparison for a terminal: all differences, and every knob and number.

    Args:
        lines: from `compare`.
        all_lines: whether equal code, packages and environment are shown too.
    """
    shown = [n for n in lines if all_lines or n.differs or n.part in {"run", "knobs", "numbers"}]
    rows = [
        {
            " ": "≠" if line.differs else "",
            "part": line.part,
            "name": line.name,
            "left": _spelled(line.left, line),
            "right": _spelled(line.right, line),
            "change": "" if line.change is None else f"{line.change:+.3g}",
        }
        for line in shown
    ]
    alike = len(lines) - len(shown)
    end = f"\n{alike} more lines are the same in both" if alike else ""
    return as_text(rows, [" ", "part", "name", "left", "right", "change"]) + end


def page(left: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    """The comparison as an HTML page."""
    lines = compare(left, right)
    parts: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        entry = {"name": line.name, "differs": line.differs, "change": line.change}
        entry |= {"left": _spelled(line.left, line), "right": _spelled(line.right, line)}
        parts.setdefault(line.part, []).append(entry)
    title = left["title"] if left["title"] == right["title"] else "Two runs"
    return document(
        "compare.html.j2",
        [],
        title=title[:300],
        parts=parts,
        count=sum(line.differs for line in lines),
        runs=[f"{r['name']}/{r['run']}" for r in (left, right)],
    )


def _parts(record: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    known = record["provenance"]
    yield (
        "run",
        {n: record[n] for n in ("name", "run", "state", "identity", "depth")}
        | {
            "start": record["timings"]["start"],
            "seconds": record["timings"]["seconds"],
            "peak memory, MiB": record["timings"]["peak_memory_mib"],
        },
    )
    yield "knobs", dict(record["knobs"])
    yield "code", dict(known["code"])
    machine = {name.replace("_", " "): known.get(name) for name in _MACHINE}
    yield "environment", machine | known["environment"]
    yield "packages", dict(known["packages"])
    yield "data", {k: v.get("sha256") for k, v in known["data"].items()}
    yield "modules", dict(known["modules"])
    yield "numbers", numbers(record)
    yield "verdicts", {claim_name(c): c["verdict"] for c in record["claims"]}


def numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    """The results of a run: its summary, and the measured values of its claims."""
    values = dict(record["summary"])
    for claim in record["claims"]:
        name = claim_name(claim)
        values[name] = claim["measured"]
        if claim["interval"]:
            values[f"low end, {name}"], values[f"high end, {name}"] = claim["interval"]
    return values


def claim_name(claim: Mapping[str, Any]) -> str:
    """The name of a claim: its place in the paper and its statement."""
    return f"{claim['where']}: {claim['statement']}"


def _spelled(value: Any, line: Line) -> str:
    """The value as text, with all digits if it differs."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if _is_number(value):
        return repr(value) if line.differs else number(value)
    return spell(value)


def _exact(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
