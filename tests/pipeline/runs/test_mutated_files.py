"""Files changed at random, and what is no file at all, in the place of every file that is read."""

import json
import os
import subprocess
import sys
import time

import mutated_files
import numpy as np
import pytest

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


def test_shapes_without_numbers_are_read_or_refused(tmp_path, alarms):
    for shape in ((0, 7), (7, 0), (0, 0), (0,), (3, 0, 2), ()):
        for kind, save in (("weights", np.save), ("patterns", np.save), ("weights", savez)):
            path = tmp_path / f"file{'.npz' if save is savez else '.npy'}"
            save(path, np.zeros(shape, np.float32 if kind == "weights" else int))
            read = getattr(mutated_files, f"read_{kind}")
            assert mutated_files.tried(path, read) in ("read", "refused"), (kind, shape)


def savez(path, array):
    np.savez(path, **{"fc.weight": array, "out.weight": np.eye(3), "fc.bias": np.zeros(3)})
