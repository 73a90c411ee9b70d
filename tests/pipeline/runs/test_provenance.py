import hashlib
import importlib.metadata
import platform
import subprocess

import pytest
import toy_notebooks

from workbench.experiment.params import Knobs, Parameters, knob
from workbench.runs.identity import provenance
from workbench.runs.job import job, model_of
from workbench.runs.run_folder import write_json
from workbench.studies.sweep import study_jobs


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
    known = provenance.code(None)
    if "commit" not in known:
        pytest.skip("needs a git checkout")
    ran = subprocess.run(
        ["git", "-C", provenance.ROOT, "rev-parse", "HEAD"], capture_output=True, text=True
    )
    assert known["commit"] == ran.stdout.strip()
    assert isinstance(known["changed"], bool)


def git(folder, *words):
    known = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    ran = ["git", "-C", str(folder), *known, *words]
    return subprocess.run(ran, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_of_a_notebook_is_its_repository_s(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "theirs" / "notebooks"
    folder.mkdir(parents=True)
    path = toy_notebooks.notebook(folder / "own.ipynb", "x")
    known = job(str(path), {}).provenance["code"]
    assert (known["commit"], known["changed"]) == (None, None)
    git(tmp_path / "theirs", "init", "-q")
    assert provenance.code_of(path)["commit"] is None
    (folder / "other.txt").write_text("1")
    git(folder, "add", "other.txt")
    git(folder, "commit", "-qm", "one")
    commit = git(folder, "rev-parse", "HEAD")
    assert provenance.code_of(path) == {"commit": commit, "changed": True}
    git(folder, "add", "own.ipynb")
    git(folder, "commit", "-qm", "two")
    commit = git(folder, "rev-parse", "HEAD")
    (folder / "reports").mkdir()
    (folder / "reports" / "page.html").write_text("")
    assert provenance.code_of(path) == {"commit": commit, "changed": False}
    assert (
        study_jobs(str(path), [model_of(str(path))[0]()])[0].provenance["code"]["commit"] == commit
    )
    (folder / "other.txt").write_text("2")
    assert provenance.code_of(path) == {"commit": commit, "changed": True}


def test_without_git_it_says_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance._git("status") is None


def test_the_source_hash_follows_every_source(tmp_path, monkeypatch):
    package = tmp_path / "workbench"
    package.mkdir()
    monkeypatch.setattr(provenance, "PACKAGE", package)
    seen = {provenance.source_hash(None)}
    changes = [
        ("a.py", "1"),
        ("a.py", "2"),
        ("b.py", "2"),
        ("k.cu", "x"),
        ("k.h", "1"),
        ("k.h", "2"),
    ]
    for name, text in changes:
        (package / name).write_text(text)
        seen.add(provenance.source_hash(None))
    assert len(seen) == 1 + len(changes)
    (package / "a.txt").write_text("x")
    assert provenance.source_hash(None) in seen


@pytest.mark.parametrize("suffix", [".cu", ".h"])
def test_the_kernels_are_among_the_sources(monkeypatch, suffix):
    """A changed CUDA source or header changes the identity of every run."""
    hashed = []
    monkeypatch.setattr(provenance, "_hash_of", lambda fs: hashed.extend(f[1] for f in fs) or "")
    provenance.source_hash(None)
    there = set(provenance.PACKAGE.rglob(f"*{suffix}"))
    assert there
    assert there <= set(hashed)


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
