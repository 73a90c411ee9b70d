"""A study as a file, TOML or YAML: the experiment, its knobs' values, and how they combine."""

from __future__ import annotations

import errno
import re
import tomllib
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.base.checks import clipped, nearest, refusal, refuse
from workbench.base.files.regular_file import content
from workbench.experiment.kinds import is_plain

SUFFIXES = (".toml", ".yaml", ".yml")
LARGEST = 1_000_000


class StudyFile(BaseModel):
    """What a study file may hold; the knobs are checked by the experiment's model.

    Attributes:
        experiment: FAMILY/SUBJECT, or the path of a notebook.
        knobs: by name, a list of values, one value, or a text such as `1:1000:7:log`.
        zip: groups of knobs that advance together.
        random: how many points to draw instead of taking every combination.
        seeds: how many seeds to take every point with.
        inputs: paths of files on which the runs depend: a list, or a table of names and paths.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    experiment: str
    knobs: dict[str, Any] = Field(default_factory=dict)
    zip: list[list[str]] = Field(default_factory=list)
    random: int | None = None
    seeds: int | None = None
    inputs: list[str] | dict[str, str | list[str]] = Field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The inputs' paths, whatever they are called."""
        if isinstance(self.inputs, list):
            return self.inputs
        named = self.inputs.values()
        return [path for one in named for path in ([one] if isinstance(one, str) else one)]


def read_study(path: str) -> StudyFile:
    """The study that the file declares; nothing in it can run or build an object.

    Raises:
        ValueError: if it cannot be read, is no TOML or YAML, or holds something else.
    """
    try:
        raw = content(path, LARGEST)
    except OSError as error:
        if error.errno == errno.EFBIG:
            refuse("study", f"a file of at most {LARGEST} bytes", path)
        refuse("study", f"a file that can be read ({error.strerror})", path)
    try:
        text = raw.decode("utf-8")
        held = tomllib.loads(text) if path.endswith(".toml") else yaml.load(text, _Loader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        kind = "TOML" if path.endswith(".toml") else "YAML"
        raise refusal(f"`study` must be a file of {kind}; got {clipped(str(error), 200)}") from None
    return _checked(held, path)


def _checked(held: Any, path: str) -> StudyFile:
    if not isinstance(held, dict):
        refuse("study", "a file with an experiment and its knobs", path)
    try:
        study = StudyFile.model_validate(held)
    except ValidationError as error:
        first = error.errors()[0]
        place = clipped(".".join(map(str, first["loc"])), 60)
        if first["type"] == "extra_forbidden":
            hint = nearest(place, list(StudyFile.model_fields))
            raise refusal(f"`{place}` must be a word of study files; {hint}") from None
        if first["type"] == "missing":
            raise refusal(f"`{place}` must be in the study file; got none") from None
        what = first["msg"].replace("Input should be ", "")
        refuse(place, what, first["input"])
    for name, given in study.knobs.items():
        if not is_plain(given):
            refuse(name, "numbers, texts, booleans, lists and mappings", given)
    return study


class _Loader(yaml.SafeLoader):
    """YAML of which nothing surprises: `1:20:3`, `010`, `yes` and dates stay the texts they are.

    YAML 1.1 would read the first as a number to the base 60. Names are given once, and nothing
    refers to something else, as a small file could otherwise spell an endless study.
    """

    yaml_implicit_resolvers: dict[Any, Any] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases are not read", problem_mark=mark)
        if getattr(self.peek_event(), "tag", None) is not None:
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="tags are not read", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in names:
                problem = "a name must be a word, and given once"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            names.add(key.value)
        return super().construct_mapping(node, deep)


for tag, pattern, first in (
    ("null", "~|null|", ["~", "n", ""]),
    ("bool", "true|false", list("tf")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)
