"""Files changed at random, and what is no file at all, in the place of every file that is read."""

import json
import os
import subprocess
import sys
import time

import mutated_files
import numpy as np
import pytest

from workbench.runs.find import experiments
from workbench.runs.job import job, model_of
from workbench.studies.sweep import study_jobs

# `make test-all` tries ten thousand.
COUNT = int(os.environ.get("WORKBENCH_FUZZ", "500"))
KINDS = mutated_files.installed()
# Whoever reads these goes on without what cannot be read.
SILENT = {"study", "picture"}


@pytest.fixture(scope="module")
def alarms():
    before = mutated_files.signal.signal(mutated_files.signal.SIGALRM, mutated_files.late)
    yield
    mutated_files.signal.signal(mutated_files.signal.SIGALRM, before)


@pytest.mark.timeout(3000)
def test_mutated_files_are_read_or_refused_in_one_sentence_and_little_memory():
    command = [sys.executable, mutated_files.__file__, str(COUNT), "0"]
    # In a process of its own, which bounds its memory.
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert list(found) == KINDS
    assert [wrong for one in found.values() for wrong in one["wrong"]] == []
    assert max(one["grown"] for one in found.values()) < 100
    for kind, one in found.items():
        assert one.get("read", 0) + one.get("refused", 0) == -(-COUNT // len(KINDS))
        assert one["read"] > 0, kind
        assert kind in SILENT or one["refused"] > 0, kind


def test_every_mutation_follows_from_its_seed_and_most_change_the_file():
    whole = bytes(range(200))
    changed = [mutated_files.mutated(whole, f"a {i}") for i in range(50)]
    assert changed == [mutated_files.mutated(whole, f"a {i}") for i in range(50)]
    assert sum(one != whole for one in changed) > 45


def test_what_is_no_sentence_or_takes_too_long_or_too_much_is_seen(tmp_path, alarms, monkeypatch):
    monkeypatch.setattr(mutated_files, "SECONDS", 1)

    def says(error):
        def read(path):
            raise error

        return mutated_files.tried(tmp_path, read)

    assert says(ValueError("`x` must be 1; got 2")) == "refused"
    assert says(KeyError("a")) == "KeyError: 'a'"
    for words in ("bad magic", "`x` must be\n1", "`x` must be " + "1" * 300, "`x` \x1b[2J"):
        assert says(ValueError(words)).startswith("no sentence")
    assert mutated_files.tried(tmp_path, lambda _: time.sleep(9)).startswith("Late")
    code = "import mutated_files as m; m.bounded(); print(m.tried('', lambda _: bytearray(2**31)))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.path.dirname(mutated_files.__file__)},
    )
    assert ran.stdout.startswith("MemoryError"), ran.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_refused_at_once_in_the_place_of_any(kind, tmp_path, alarms):
    ending, _, read = mutated_files.KINDS[kind]
    stem = "study" if kind == "study" else "file"
    places = [tmp_path / name / f"{stem}{ending}" for name in ("pipe", "link", "zero", "folder")]
    for place in places:
        place.parent.mkdir()
    pipe, link, zero, folder = places
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    zero.symlink_to("/dev/zero")
    folder.mkdir()
    for place in places:
        before = time.monotonic()
        outcome = mutated_files.tried(place, read)
        assert outcome == ("read" if kind in SILENT else "refused"), place
        assert time.monotonic() - before < 10


EMPTY = {
    "inits/audit": ("weights_file", ".npz", lambda path: np.savez(path, a=np.zeros(3))),
    "inits/generalized_gaussian": ("weights_file", ".npy", lambda path: path.write_bytes(b"1")),
    "dendrites/digits": ("patterns_file", ".csv", lambda path: path.write_text("1,x")),
    "scaling/fit": ("table_file", ".csv", lambda path: path.write_text("N,loss\n1,2\n2,x\n")),
    "scaling/chinchilla": ("points_file", ".csv", lambda path: path.write_text("N,loss\n1,2\n")),
    "scaling/isoflop": ("runs_file", ".csv", lambda path: path.write_text("N,loss\n1,2,3\n")),
    "scaling/learning_curves": ("curves_file", ".csv", lambda path: path.write_text("N\n1\n")),
}


@pytest.mark.parametrize("name", [e.name for e in experiments()])
def test_a_file_that_cannot_be_used_is_refused_before_any_run(name, tmp_path):
    knobs = {k.name for k in model_of(name)[0].knobs() if k.suffixes} - {"activations_file"}
    assert knobs == ({EMPTY[name][0]} if name in EMPTY else set())
    for knob in knobs:
        path = tmp_path / f"file{EMPTY[name][1]}"
        EMPTY[name][2](path)
        for depth in (True, False):
            with pytest.raises(ValueError, match="^`") as caught:
                study_jobs(name, [model_of(name)[0](**{knob: str(path)})], function=depth)
            assert len(str(caught.value)) < 300
    if name == "inits/audit":
        path.write_bytes(b"\xff,relu")
        with pytest.raises(ValueError, match="^`activations_file` must be "):
            job(name, {"activations_file": str(path.rename(tmp_path / "a.csv"))})


def test_shapes_without_numbers_are_read_or_refused(tmp_path, alarms):
    for shape in ((0, 7), (7, 0), (0, 0), (0,), (3, 0, 2), ()):
        for kind, save in (("weights", np.save), ("patterns", np.save), ("weights", savez)):
            path = tmp_path / f"file{'.npz' if save is savez else '.npy'}"
            save(path, np.zeros(shape, np.float32 if kind == "weights" else int))
            read = getattr(mutated_files, f"read_{kind}")
            assert mutated_files.tried(path, read) in ("read", "refused"), (kind, shape)


def savez(path, array):
    np.savez(path, **{"fc.weight": array, "out.weight": np.eye(3), "fc.bias": np.zeros(3)})
