"""An experiment's parameters as one model, the single source of all their uses.

`class Params(Knobs)` in an experiment declares each knob once. From it come the checks, the text
of the notebook's `parameters` cell, the options of the command line, the controls of the panel,
the strategies of the tests and the table on the page.
"""

from __future__ import annotations

import functools
import html
import math
import operator
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticUndefined

from workbench.base.checks import nearest, refuse, spell
from workbench.base.rows import unbroken
from workbench.experiment.kinds import NONFINITE, as_json, choices, describe, fits, types
from workbench.experiment.relations import bound

MIME = "application/vnd.workbench.knobs+json"


class KnobError(ValueError):
    """A refused value; `knob` is the name of the knob at fault, or None, for a panel to show it."""

    def __init__(self, message: str):
        super().__init__(message)
        name = re.match(r"`(\w+)`", message)
        self.knob = name.group(1) if name else None


class Knob(NamedTuple):
    """One parameter: its name, type, default, help and domain."""

    name: str
    kind: type
    default: Any
    help: str
    span: tuple[float, float] | None = None
    choices: tuple[str, ...] | None = None
    log: bool = False
    suffixes: tuple[str, ...] | None = None
    is_budget: bool = False

    @property
    def domain(self) -> str:
        """The domain as text: "a whole number in [64, 65536]"."""
        if self.choices:
            return "one of " + ", ".join(map(repr, self.choices))
        if self.suffixes:
            return "empty or the path of a file ending in " + ", ".join(self.suffixes)
        what = describe(self.kind)
        return what if self.span is None else f"{what} in [{self.span[0]}, {self.span[1]}]"

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The types of its values: one, or those that `|` joins."""
        return types(self.kind)

    @property
    def is_open(self) -> bool:
        """Whether infinities and NaN are admitted, as for a knob whose default is one of them."""
        return isinstance(self.default, float) and not math.isfinite(self.default)

    def check(self, value: Any) -> None:
        """Refuses what pydantic would convert silently, and what JSON or papermill cannot store.

        Raises:
            KnobError: for a boolean or text in place of a number, an item of another kind, a set,
                NaN in a list, text that is no Unicode, or a path of a format that is not read.
        """
        if not self.admits(value):
            refuse(self.name, self.domain, value, KnobError)

    def admits(self, value: Any) -> bool:
        """Whether `check` lets the value pass; spans and choices are the model's to check."""
        if self.is_open and str(value) in NONFINITE:
            return True
        return fits(value, self.kind) and (
            not self.suffixes or not value or value.lower().endswith(self.suffixes)
        )


def knob(
    default: Any,
    help: str,
    *,
    span: tuple[float, float] | None = None,
    log: bool = False,
    suffixes: tuple[str, ...] | None = None,
    is_budget: bool = False,
) -> Any:
    """A field of `Params`.

    Args:
        default: the value of the default run, a literal.
        help: what the knob is, in a few words, with its unit; without `=`, which papermill's parser
            of parameter cells misreads.
        span: smallest and largest value at which this experiment can finish.
        log: whether the slider is logarithmic.
        suffixes: for a path, the file endings that are read.
        is_budget: whether it only buys exactness, as a number of trials; previews and small test
            runs lower it.
    """
    if "=" in help or len(help.splitlines()) > 1:
        refuse("help", "one line without an equals sign", help)
    low, high = span or (None, None)
    extra = {"span": span, "log": log, "suffixes": suffixes, "is_budget": is_budget}
    return Field(default, description=help, ge=low, le=high, json_schema_extra={"knob": extra})


class Parameters(BaseModel):
    """Checked parameters of a notebook; `Knobs` adds what every experiment has."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )
    _last: ClassVar[tuple[str, ...]] = ()
    # By knob, the largest value it may have, as arithmetic over the other knobs.
    at_most: ClassVar[dict[str, str]] = {}

    def __init__(self, **values: Any):
        """Checks every value and every relation.

        Raises:
            KnobError: in one sentence, the knob, what it must be, and what was got.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise KnobError(_sentence(type(self), error.errors()[0])) from None

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, values: Any) -> Any:
        """NumPy scalars become Python's; no other kind is converted."""
        values = {k: v.item() if isinstance(v, np.generic) else v for k, v in dict(values).items()}
        for k in cls.knobs():
            if k.name in values:
                k.check(values[k.name])
        return values

    @model_validator(mode="after")
    def _related(self) -> Parameters:
        self.relations()
        return self

    def relations(self) -> None:
        """Checks conditions on several knobs: `at_most`, and those that an experiment adds.

        Raises:
            KnobError: if a knob is above its bound.
        """
        values = self.values()
        for name, expression in self.at_most.items():
            most = bound(expression, values)
            if values[name] > most:
                low = next((k.span[0] for k in self.knobs() if k.name == name and k.span), None)
                what = "at most" if low is None else f"in [{low},"
                end = "" if low is None else "]"
                refuse(name, f"{what} {expression}={most:.12g}{end}", values[name], KnobError)

    @classmethod
    def of(cls, names: Mapping[str, Any]) -> Parameters:
        """The parameters from the variables of a notebook, after papermill's injection."""
        return cls(**{k.name: names[k.name] for k in cls.knobs() if k.name in names})

    @classmethod
    def knobs(cls) -> tuple[Knob, ...]:
        """All knobs, first the experiment's own, then those that all experiments share."""
        return _knobs(cls)

    @classmethod
    def cell(cls) -> str:
        """The text of the notebook's `parameters` cell: literal values, one knob a line."""
        return "\n".join(
            f"{k.name}: {k.kind.__name__} = {_literal(k.name, k.default)}  # {k.help}"
            for k in cls.knobs()
        )

    def values(self) -> dict[str, Any]:
        """All values by name, in the order of `knobs`."""
        fields = {f.alias or n: getattr(self, n) for n, f in type(self).model_fields.items()}
        return {k.name: fields[k.name] for k in self.knobs()}

    def given(self) -> dict[str, Any]:
        """The values that were passed, by name, including those that equal their default."""
        fields = type(self).model_fields
        passed = {fields[n].alias or n for n in self.model_fields_set}
        return {name: value for name, value in self.values().items() if name in passed}

    def changed(self) -> dict[str, Any]:
        """The values that differ from the defaults, by name."""
        defaults = {k.name: k.default for k in self.knobs()}
        return {name: v for name, v in self.values().items() if not _same(v, defaults[name])}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """A table of names, values and help as HTML; the values as data."""
        return {"text/plain": repr(self), "text/html": self.table(), MIME: self.values()}

    def table(self, used: Mapping[str, Any] | None = None) -> str:
        """The table as HTML; changed values are marked and show their default.

        Args:
            used: the values that a run used, by name, where the notebook sets or computes them.
        """
        values, notes = self.values(), {n: "changed; default {}" for n in self.changed()}
        for name, value in (used or {}).items():
            if not _same(value, as_json(values.get(name))):
                values[name], notes[name] = value, "set by the notebook; the cell says {}"
        for name in () if used is None else set(values) - set(used):
            values[name], notes[name] = None, "without a plain value in the run; the cell says {}"
        rows = []
        for k in self.knobs():
            value = unbroken(spell(values[k.name]))
            mark = html.escape(notes.get(k.name, "").format(spell(k.default)))
            # An empty column would take width from the others on a phone.
            note = f"<td>{mark}</td>" if notes else ""
            rows.append(
                f'<tr{" class=changed" if mark else ""}><th scope="row"><code>{k.name}</code></th>'
                f"<td>{value}</td><td>{html.escape(k.help)}</td>{note}</tr>"
            )
        note = "<th>note</th>" if notes else ""
        head = f"<tr><th>knob</th><th>value</th><th>what it is</th>{note}</tr>"
        return f'<table class="knobs"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


class Knobs(Parameters):
    """The base of every experiment's `Params`: its knobs, and the seed and backend of every run."""

    # A default outside its span is an error too.
    model_config = ConfigDict(validate_default=True)
    _last: ClassVar[tuple[str, ...]] = ("seed", "backend")

    seed: int = knob(0, "seed of the random generator", span=(0, 2**32 - 1))
    backend: Literal["numpy", "cupy"] = knob("numpy", "array library that simulates")


def lowered(params: Parameters, share: float) -> Parameters | None:
    """The parameters with that share of every budget; None if nothing changes or it is refused."""
    values = params.values()
    for k in params.knobs():
        if k.is_budget:
            low = k.span[0] if k.span else 1
            values[k.name] = max(low, min(values[k.name], round(values[k.name] * share)))
    try:
        less = type(params)(**values)
    except KnobError:
        return None
    return None if less == params else less


@functools.cache
def _knobs(model: type[Parameters]) -> tuple[Knob, ...]:
    """Cached: a study reads the knobs several times at each of thousands of points."""
    names = [n for n in model.model_fields if n not in model._last]
    return tuple(_knob(n, model.model_fields[n]) for n in [*names, *model._last])


def _knob(name: str, field: Any) -> Knob:
    extra = (field.json_schema_extra or {}).get("knob", {})
    chosen = choices(field.annotation)
    kind = functools.reduce(operator.or_, types(field.annotation)) if chosen else field.annotation
    default = None if field.default is PydanticUndefined else field.default
    help = field.description or ""
    return Knob(field.alias or name, kind, default, help, choices=chosen, **extra)


def _literal(name: str, value: Any) -> str:
    """A value as Python source, with double quotes, as the formatter writes them."""
    if isinstance(value, str) and set(value) & {"#", "="}:
        refuse(name, "a text without # or = by default, which papermill misreads", value)
    if isinstance(value, str) and '"' not in value:
        return f'"{repr(value)[1:-1]}"'
    return repr(value)


def _same(value: Any, default: Any) -> bool:
    """Whether the value is unchanged for a reader, to whom True and 1 differ."""
    if value != value and default != default:  # NaN is not equal to itself
        return True
    return value == default and isinstance(value, bool) == isinstance(default, bool)


def _sentence(model: type[Parameters], error: Mapping[str, Any]) -> str:
    """One of pydantic's errors as our error message."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    name = str(error["loc"][0])
    knobs = {k.name: k for k in model.knobs()}
    if error["type"] == "extra_forbidden":
        return f"`{name}` must be the name of a knob; {nearest(name, list(knobs))}"
    return f"`{name}` must be {knobs[name].domain}; got {spell(error['input'])}"
