import hashlib
import importlib.metadata
import platform
import subprocess

import pytest

from workbench.experiment.params import Knobs, Parameters, knob
from workbench.runs import provenance
from workbench.runs.atomic import write_json


class Params(Knobs):
    file: str = knob("", "numbers", suffixes=(".csv",))


def test_it_tells_what_a_run_stood_on(tmp_path):
    known = provenance.provenance(Params(seed=7))
    assert known["seed"] == 7
    assert (known["backend"], known["device"]) == ("numpy", f"CPU ({platform.machine()})")
    assert known["packages"]["numpy"] == importlib.metadata.version("numpy")
    assert known["packages"]["nbconvert"] == importlib.metadata.version("nbconvert")
    assert known["python"] == platform.python_version()
    assert known["cores"] >= 1
    assert known["memory_gib"] > 0
    assert known["processor"]
    write_json(tmp_path / "p.json", known)


def test_the_commit_is_the_checkout_s():
    known = provenance.code()
    if "commit" not in known:
        pytest.skip("needs a git checkout")
    ran = subprocess.run(
        ["git", "-C", provenance.ROOT, "rev-parse", "HEAD"], capture_output=True, text=True
    )
    assert known["commit"] == ran.stdout.strip()
    assert isinstance(known["changed"], bool)


def test_without_git_it_says_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance._git("status") is None


def test_the_source_hash_follows_every_source(tmp_path, monkeypatch):
    package = tmp_path / "workbench"
    package.mkdir()
    monkeypatch.setattr(provenance, "PACKAGE", package)
    seen = {provenance.source_hash()}
    for name, text in (("a.py", "1"), ("a.py", "2"), ("b.py", "2"), ("k.cu", "x"), ("a.txt", "x")):
        (package / name).write_text(text)
        seen.add(provenance.source_hash())
    assert len(seen) == 5


def test_a_file_of_the_user_s_is_hashed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,2\n")
    told = provenance.data(Params(file=str(path)))
    sha256 = hashlib.sha256(b"1,2\n").hexdigest()
    assert told == {"file": {"path": str(path), "bytes": 4, "sha256": sha256}}
    assert provenance.data(Params()) == {}


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`file` must be a file that can be read \(No such file"):
        provenance.data(Params(file=str(tmp_path / "lost.csv")))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match=r"`file` must be a file that can be read \(Is a dir"):
        provenance.data(Params(file=str(tmp_path / "folder.csv")))


def test_a_knob_of_the_user_s_called_backend_means_what_the_user_means():
    class Own(Parameters):
        backend: str = "torch"
        seed: str = "apple"

    known = provenance.provenance(Own())
    assert (known["backend"], known["seed"]) == ("numpy", None)


def test_only_variables_that_matter_are_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    kept = provenance.provenance(Params())["environment"]
    assert kept["OMP_NUM_THREADS"] == "1"
    assert kept["PYTHONHASHSEED"] == "0"
    assert "SECRET_TOKEN" not in kept
