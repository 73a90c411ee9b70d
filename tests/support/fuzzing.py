"""Odd command lines, study files and records by the thousand: refused in a sentence, never wrong.

`benchmarks/reliability.py` asks for ten thousand, the tests for some hundreds.
"""

import copy
import itertools
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest  # noqa: E402
import strategies  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from workbench.cli import cli  # noqa: E402
from workbench.cli import sweep as sweep_command  # noqa: E402
from workbench.experiment.params import KnobError  # noqa: E402
from workbench.records import table  # noqa: E402
from workbench.records.store import read_points, read_record, read_records  # noqa: E402
from workbench.runs.identity.provenance import around  # noqa: E402
from workbench.studies import sweep  # noqa: E402
from workbench.studies.grid import sweep as points  # noqa: E402

NAME = "scaling/isoflop"
MODEL = sweep.model_of(NAME)[0]
KNOBS = {k.name: k for k in MODEL.knobs() if k.name != "backend"}
WORDS = st.text(st.characters(exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["--alpha", "--alpha=0.1:0.2:3", "--points", "3:9:3:log", "--zip", "--zip=alpha", "--random"]
    + ["--random=2", "--seeds", "--seeds=2", "2", "--function", "--jobs=2", "--out=.", "--timeout"]
    + ["--timeout=1e9", "--retries=1", "--dry-run", "-h", "--", "1" * 5000, "0:1:999999999"]
    + ["\udcff", "--seed", "1,2", "0:4294967295:100000", "nan", "1e999", "--backend"]
    + ["cupy,numpy", "[", "--help", "--memory", "2GB", "--memory=-1", "--dask", "--per-device=2"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


class Tally:
    """What came of all tries."""

    def __init__(self):
        self.tried = self.accepted = self.refused = 0
        self.tracebacks, self.wrong = [], []

    def counts(self):
        found = {"tried": self.tried, "accepted": self.accepted, "refused": self.refused}
        return {**found, "tracebacks": len(self.tracebacks), "wrong runs": len(self.wrong)}


def fuzzed(count):
    """The figures of all kinds, and their sums."""
    tallies = {
        "command lines": command_lines(count // 10 * 4),
        "study files": study_files(count // 10 * 3),
        "records": records(count // 10 * 3),
    }
    for tally in tallies.values():
        print(tally.tracebacks[:2], tally.wrong[:2])
    found = {kind: tally.counts() for kind, tally in tallies.items()}
    total = {k: sum(one[k] for one in found.values()) for k in found["records"]}
    return {"all": total, "by kind": found}


def tried(count, strategy, attempt):
    """Tries the attempt on so many examples."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def try_one(example):
        attempt(example)

    try_one()


def studies():
    """Values for some knobs: mostly such as the knobs admit, now and then others."""
    good = {n: st.lists(strategies.value(k), min_size=1, max_size=3) for n, k in KNOBS.items()}
    bad = {n: st.lists(strategies.bad(k), min_size=1, max_size=2) for n, k in KNOBS.items()}
    chosen = st.lists(st.sampled_from(sorted(KNOBS)), max_size=3, unique=True)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries(
            {n: good[n] if len(n) % 5 else good[n] | bad[n] for n in names}
        )
    )


def expected(values):
    """The points that these values mean, by the model alone; None if it refuses one."""
    found = []
    for combination in itertools.product(*values.values()):
        try:
            found.append(MODEL(**dict(zip(values, combination, strict=True))).values())
        except (KnobError, ValueError, TypeError):
            return None
    return found


def unique(found):
    return [one for i, one in enumerate(found) if one not in found[:i]]


def invoked(words):
    """What the command would run, without running it, and its result."""
    ran = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep_command, "run", lambda jobs, *_: ran.extend(jobs) or {"done": 1})
        patch.setattr(sweep, "around", lambda *_: AROUND)
        result = CliRunner().invoke(cli.main, ["sweep", *map(str, words)])
    return [job.params.values() for job in ran], result


AROUND = around(None)


def judged(tally, what, ran, result, wanted=None):
    """Counts a try; with what was wanted, that must have run and nothing else."""
    tally.tried += 1
    is_traceback = result.exception is not None and not isinstance(result.exception, SystemExit)
    if is_traceback or "Traceback" in result.output or result.exit_code not in (0, 2):
        tally.tracebacks.append((what, repr(result.exception)))
    tally.accepted += result.exit_code == 0
    tally.refused += result.exit_code == 2
    if (result.exit_code == 2 and ran) or (wanted is not None and wanted[0] != ran):
        tally.wrong.append((what, wanted, ran, result.output[:200]))


def command_lines(count):
    """Words without sense, and studies that are spelled out, whose points are known."""
    tally = Tally()

    def chaos(words):
        judged(tally, words, *invoked(words))

    def spelled(values):
        texts = {n: [written(v) for v in given] for n, given in values.items()}
        words = [w for n, t in texts.items() for w in (f"--{n}", ",".join(t))]
        ran, result = invoked([NAME, *words, "--function"])
        # In the model's order the last knob moves fastest.
        ordered = {n: values[n] for n in KNOBS if n in values}
        if all(_is_plain(v) for given in values.values() for v in given):
            judged(tally, values, ran, result, [unique(expected(ordered) or [])])
        else:
            judged(tally, values, ran, result)

    some = st.lists(WORDS, max_size=6)
    tried(count // 2, some | some.map(lambda words: [NAME, *words]), chaos)
    tried(count - count // 2, studies(), spelled)
    return tally


def written(value):
    return value if isinstance(value, str) else repr(value)


def _is_plain(value):
    """Whether a command line can spell the value and nothing else by the same letters."""
    return type(value) in (int, float, bool) and value == value and abs(value) < 1e300


def study_files(count):
    """Bytes and structures without sense, and studies whose points are known."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:

        def chaos(example):
            content, suffix = example
            path = Path(folder) / f"study{suffix}"
            path.write_bytes(content)
            judged(tally, example, *invoked([path, "--function"]))

        def spelled(values):
            path = Path(folder) / "study.yaml"
            # JSON is YAML, too.
            path.write_text(json.dumps({"experiment": NAME, "knobs": values}, default=str))
            ordered = {n: values[n] for n in KNOBS if n in values}
            ran, result = invoked([path, "--function"])
            plain = all(_is_plain(v) for given in values.values() for v in given)
            wanted = [unique(expected(ordered) or [])] if plain else None
            judged(tally, values, ran, result, wanted)

        names = st.sampled_from(["experiment", "knobs", "zip", "random", "seeds", "x"])
        odd = st.dictionaries(names, JSON | st.just(NAME)).map(lambda d: json.dumps(d).encode())
        contents = st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode()) | odd
        suffixes = st.sampled_from([".toml", ".yaml", ".yml"])
        tried(count // 2, st.tuples(contents, suffixes), chaos)
        tried(count - count // 2, studies(), spelled)
    return tally


def records(count):
    """Records of which parts are other than they should be: read, told, never taken for done."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "around", lambda *_: AROUND)
        (one,) = sweep.study_jobs(NAME, points(MODEL, {"points": 5}), function=True)
        study = Path(folder)
        path = study / one.name / one.run / "record.json"
        path.parent.mkdir(parents=True)
        declared = {"name": one.name, "run": one.run, "identity": one.identity, "changed": {}}
        (study / "study.json").write_text(json.dumps({"points": [declared]}))
        good = {"name": one.name, "run": one.run, "identity": one.identity, "state": "done"}
        good |= {"knobs": {"points": 5}, "summary": {"bias": 0.5}, "claims": []}
        good |= {"timings": {"seconds": 1.5, "start": "2026-01-01T00:00:00+00:00"}, "attempt": 1}
        good |= {"process": 1, "process_start": 1.0, "error": None}

        def attempt(content):
            path.write_bytes(content)
            tally.tried += 1
            try:
                found = _read(study, path, one)
            except Exception as error:
                tally.tracebacks.append((content, repr(error)))
                return
            tally.accepted += found
            tally.refused += not found
            if found != _is_done(content, good):
                tally.wrong.append(content)

        keys = st.sampled_from([*good, "knobs.points", "timings.seconds", "summary.bias", "other"])
        changes = st.dictionaries(keys, JSON, max_size=3)
        odd = changes.map(lambda change: json.dumps(_changed(good, change)).encode())
        whole = json.dumps(good).encode()
        cut = st.integers(0, len(whole)).map(lambda end: whole[:end])
        tried(count, odd | odd | odd | cut | st.binary(max_size=40), attempt)
    return tally


def _changed(good, changes):
    made = copy.deepcopy(good)
    for key, value in changes.items():
        first, _, second = key.partition(".")
        if second and isinstance(made[first], dict):
            made[first][second] = value
        else:
            made[first] = value
    return made


def _read(study, path, job):
    """Whether the plan takes the run for done; everything that tells of records is called."""
    read_record(path)
    for found in (read_points(study), list(read_records(study))):
        rows = table.rows(found)
        table.as_text(rows, table.columns(rows))
        table.as_csv(rows)
        table.where(rows, "state = 'done'") if rows else None
    return len(sweep.plan([job], study).done) == 1


def _is_done(content, good):
    """Whether the record says so itself, in the form that a record has."""
    try:
        held = json.loads(content)
    except ValueError:
        return False
    if not isinstance(held, dict):
        return False
    same = all(held.get(k) == good[k] for k in ("state", "identity"))
    texts = all(isinstance(held.get(k), str) for k in ("name", "run"))
    return (
        same
        and texts
        and all(isinstance(held.get(k), dict) for k in ("knobs", "summary", "timings"))
    )
