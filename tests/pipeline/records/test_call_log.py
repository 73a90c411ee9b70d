"""The one file of a study's function runs: nothing is lost on the way, and nothing is believed."""

import json
import os
import tracemalloc

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from workbench.cli.cli import main
from workbench.records.call_log import CALL_LOG, CallLog, digest_of
from workbench.records.difference import SAME, difference, merged
from workbench.records.store import LeftOut, Recorded, find_records, read_points, read_runs

KEYS = st.sampled_from(["a", "b", "-", "=", "0", ""])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, -0.0, 1.0])
    | st.text("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_a_difference_leads_back_to_the_value(value, base):
    told = difference(value, base)
    found = base if told is SAME else merged(json.loads(json.dumps(told)), base)
    # As texts, since True equals 1 and -0.0 equals 0.0.
    assert json.dumps(found, sort_keys=True) == json.dumps(value, sort_keys=True)


def test_every_reader_takes_the_runs_from_the_one_file(tmp_path, trial):
    trial.run(tmp_path, {"x": [1, 2, 3]})
    study = tmp_path / "study"
    assert {p.name for p in study.iterdir()} == {CALL_LOG, "study.json", "requirements.txt"}
    assert [r["summary"]["double"] for r in read_runs(study)] == [2, 4, 6]
    assert [r["summary"]["double"] for _, r in find_records(tmp_path)] == [2, 4, 6]
    point = read_points(study)[1]
    place = study / point["name"] / point["run"]
    for words in (
        ["table", study],
        ["table", place],
        ["index", study],
        ["report", study],
        ["gallery", tmp_path],
        ["compare", place, place],
        ["export", place, "--rocrate", tmp_path / "crate"],
        ["verify", place],
    ):
        ran = CliRunner().invoke(main, list(map(str, words)))
        assert (ran.exit_code, ran.stderr) == (0, ""), words
    assert json.loads((tmp_path / "crate/record.json").read_text())["summary"] == {"double": 4}


def test_another_name_of_the_file_keeps_its_lines(tmp_path, trial):
    """A hard link may be a backup, or a file of the user's under which somebody put this name."""
    trial.run(tmp_path, {"x": [1]})
    path, other = tmp_path / "study" / CALL_LOG, tmp_path / "other"
    with path.open("a") as file:
        file.write("half a line")
    os.link(path, other)
    before = other.read_bytes()
    assert trial.run(tmp_path, {"x": [1, 2]}) == {"kept": 1, "done": 1}
    assert other.read_bytes() == before
    assert [r["summary"]["double"] for r in read_runs(tmp_path / "study")] == [2, 4]


def test_a_line_more_takes_less_than_a_kilobyte(tmp_path, trial):
    trial.run(tmp_path, {"x": list(range(50))})
    sizes = [(tmp_path / "study" / n).stat().st_size for n in (CALL_LOG, "study.json")]
    trial.run(tmp_path, {"x": list(range(250))})
    more = [(tmp_path / "study" / n).stat().st_size for n in (CALL_LOG, "study.json")]
    # A further sweep begins with a whole record.
    assert (sum(more) - sum(sizes)) / 200 < 700


def test_half_a_line_is_dropped_and_a_broken_one_left_out(tmp_path, trial):
    trial.run(tmp_path, {"x": [1, 2, 3]})
    path = tmp_path / "study" / CALL_LOG
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:-1], lines[-1][:50]]))
    with Recorded(tmp_path / "study") as recorded:
        names = [(p["name"], p["run"]) for p in read_points(tmp_path / "study")]
        assert [(recorded.get(*n) or {}).get("state") for n in names[:2]] == ["done"] * 2
    assert trial.run(tmp_path, {"x": [1, 2, 3]}) == {"kept": 2, "done": 1}
    assert b"".join(lines[:-1]) == path.read_bytes()[: sum(map(len, lines[:-1]))]
    left_out = LeftOut()
    states = [p["state"] for p in read_points(tmp_path / "study", left_out)]
    assert (states, left_out.sentences()) == (["done"] * 3, [])


def test_a_line_whose_whole_record_is_gone_is_no_run_that_is_done(tmp_path, trial):
    trial.run(tmp_path, {"x": [1, 2, 3]})
    path = tmp_path / "study" / CALL_LOG
    content = path.read_text()
    path.write_text(content.replace('"double":2', '"double":9', 1))
    left_out = LeftOut()
    points = read_points(tmp_path / "study", left_out)
    assert [p["state"] for p in points] == ["done", "queued", "queued"]
    assert "the line that it refers to is gone" in left_out.sentences()[0]
    assert trial.run(tmp_path, {"x": [1, 2, 3]})["done"] == 2


@pytest.mark.parametrize("second", ["5", "null", "{}", '"../x"'])
def test_a_second_name_in_a_line_is_nobodys(tmp_path, trial, second):
    trial.run(tmp_path, {"x": [1, 2]})
    path = tmp_path / "study" / CALL_LOG
    lines = path.read_text().splitlines()
    lines[-1] = lines[-1][:-1] + f',"run":{second}}}'
    path.write_text("\n".join([*lines, f'{{"run":"a/b","run":{second},"start":""}}', ""]))
    states = [p["state"] for p in read_points(tmp_path / "study")]
    assert states == ["done", "done"]
    assert ("a", "b") in {(r["name"], r["run"]) for r in read_runs(tmp_path / "study")}


@pytest.mark.parametrize("kind", ["fifo", "folder", "link"])
def test_something_else_in_its_place_is_refused_before_a_run_begins(tmp_path, trial, kind):
    study = tmp_path / "study"
    study.mkdir()
    (tmp_path / "other").write_text("precious\n")
    if kind == "fifo":
        os.mkfifo(study / CALL_LOG)
    elif kind == "folder":
        (study / CALL_LOG).mkdir()
    else:
        (study / CALL_LOG).symlink_to(tmp_path / "other")
    with pytest.raises(ValueError, match="`out` must be a folder that can be written"):
        trial.run(tmp_path, {"x": [1]})
    assert not (tmp_path / "calls.txt").exists()
    assert (tmp_path / "other").read_text() == "precious\n"
    left_out = LeftOut()
    assert [p["state"] for p in read_points(study, left_out)] == ["queued"]
    assert len(left_out.sentences()) == 1


WHOLE = {"name": "a/b", "state": "done", "knobs": {}, "summary": {}, "timings": {}}


def log_lines(folder, *more):
    """A log with a whole record, and further lines that are given its digest."""
    base = json.dumps({"run": "a/b/0", "whole": WHOLE}, separators=(",", ":")) + "\n"
    digest = digest_of(base.encode())
    (folder / CALL_LOG).write_text(base + "".join(line(digest) + "\n" for line in more))


@pytest.mark.parametrize("values", [",".join(f'"k{i}":{i}' for i in range(10**6)), None])
def test_a_line_of_a_million_values_takes_no_memory_for_them(tmp_path, values):
    inner = f'{{"summary":{{{values}}}}}' if values else "[" + "[]," * 10**6 + "[]]"
    log_lines(
        tmp_path,
        lambda digest: f'{{"run":"a/b/1","like":"{digest}","changed":{{}},"but":{inner}}}',
        lambda digest: f'{{"run":"a/b/2","like":"{digest}","changed":{{}},"but":{{}}}}',
    )
    left_out = LeftOut()
    tracemalloc.start()
    assert [r["run"] for r in read_runs(tmp_path, left_out)] == ["0", "2"]
    # The line itself, twice, and nothing of its values.
    assert tracemalloc.get_traced_memory()[1] < 4 * len(inner) + 2**22
    tracemalloc.stop()
    assert "it has more than 500,000 values" in left_out.sentences()[0]


def test_bases_in_memory_are_few(tmp_path):
    summary = {f"k{i}": f"{i:0200}" for i in range(4_000)}
    lines = []
    for number in range(16):
        whole = {"run": f"a/b/w{number}", "whole": WHOLE | {"summary": summary | {"n": number}}}
        base = json.dumps(whole, separators=(",", ":"))
        lines.append(lambda _, base=base: base)
        digest = digest_of(f"{base}\n".encode())
        like = f'{{"run":"a/b/l{number}","like":"{digest}","changed":{{}},"but":{{}}}}'
        lines.append(lambda _, like=like: like)
    log_lines(tmp_path, *lines)
    tracemalloc.start()
    assert sum(1 for _ in read_runs(tmp_path)) == 33
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


def test_a_record_that_could_not_be_read_is_not_written(tmp_path):
    log = CallLog(tmp_path, {"process": 1})
    record = WHOLE | {"run": "1", "identity": "", "attempt": 1, "timings": {"start": ""}}
    log.start(record)
    with pytest.raises(ValueError, match="more than 500,000 values"):
        log.finish(record | {"summary": {f"k{i}": i for i in range(500_001)}})
    log.fail(record | {"state": "failed", "error": "it was too large"})
    log.close()
    (found,) = read_runs(tmp_path)
    assert (found["state"], found["error"]) == ("failed", "it was too large")
