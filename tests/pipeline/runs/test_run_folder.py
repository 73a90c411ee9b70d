import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import toy_notebooks

from workbench.runs.run_folder import PARTIAL, owned, write_json, write_text


def leftovers(folder):
    return [p.name for p in folder.iterdir() if p.name.startswith(PARTIAL)]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("one", "zwei\n✓", ""):
        write_text(path, text)
        assert path.read_bytes() == text.encode()
        assert leftovers(tmp_path) == []
    os.umask(mask := os.umask(0))
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, step):
    write_text(tmp_path / "a.txt", "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert leftovers(tmp_path) == []


def test_text_that_cannot_be_encoded_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a.txt", "x" * 10**6 + "\udcff")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [-float("inf")]}])
def test_json_has_no_nan(tmp_path, value):
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        write_json(tmp_path / "a.json", value)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_never_meets_half_a_file(tmp_path):
    """A writer is killed over and over; what stands there always is one of its whole texts."""
    path = tmp_path / "a.json"
    writer = (
        "import sys, itertools, pathlib\n"
        "from workbench.runs.run_folder import write_json\n"
        "for n in itertools.count():\n"
        "    write_json(pathlib.Path(sys.argv[1]), [n] * 50000)\n"
        "    if n == 0: print('ready', flush=True)\n"
    )
    seen = set()
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", writer, path],
            env=toy_notebooks.environment(),
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        for _ in range(10):
            numbers = json.loads(path.read_text())
            assert len(numbers) == 50000
            assert len(set(numbers)) == 1
            seen.add(numbers[0])
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert len(set(json.loads(path.read_text()))) == 1
    assert len(seen) > 1


def test_a_folder_is_owned_by_one_at_a_time(tmp_path):
    with owned(tmp_path), pytest.raises(BlockingIOError), owned(tmp_path):
        pass
    with owned(tmp_path):
        pass


def test_a_killed_owner_lets_go(tmp_path):
    holder = (
        "import sys, time, pathlib\n"
        "from workbench.runs.run_folder import owned\n"
        "with owned(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, tmp_path],
        env=toy_notebooks.environment(),
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    with pytest.raises(BlockingIOError), owned(tmp_path):
        pass
    process.kill()
    process.communicate(timeout=60)
    with owned(tmp_path):
        pass
