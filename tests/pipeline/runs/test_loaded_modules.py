"""Which modules count as the user's own, and whether their files are what was imported."""

import hashlib
import importlib
import importlib.util
import os
import runpy
import sys
import time
import zipfile
from pathlib import Path

import pytest

from workbench.runs.identity.modules import changed
from workbench.runs.kernels import loaded_modules


@pytest.fixture(scope="module")
def watched():
    """From now on this process watches; Python does not let a watch end."""
    loaded_modules.record()


@pytest.fixture
def here(tmp_path, monkeypatch, watched):
    """A folder to import from, whose modules are forgotten afterwards.

    What other tests of this process have loaded from elsewhere is hidden meanwhile.
    """
    for path in found():
        if os.path.isabs(path):
            for name in [n for n, m in sys.modules.items() if getattr(m, "__file__", "") == path]:
                monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(loaded_modules, "_seen", {})
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def found(began=None, known=()):
    """The modules that `local` tells of, without those of the tests."""
    root = Path(__file__).parents[3]
    ours = ("tests", "workbench", "widgets", "benchmarks")
    folders = [*(str(root / name) for name in ours), *known]
    return loaded_modules.local(time.time() + 9 if began is None else began, folders)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_modules_of_one_s_own_and_what_they_import(here):
    (here / "helper_a.py").write_text("import helper_b\nimport json, numpy\n")
    (here / "helper_b.py").write_text("from package_c.inner import d\n")
    (here / "package_c" / "inner").mkdir(parents=True)
    for part in ("__init__", "inner/__init__", "inner/d"):
        (here / "package_c" / f"{part}.py").write_text("")
    with zipfile.ZipFile(here / "e.zip", "w") as archive:
        archive.writestr("module_e.py", "")
    sys.path.insert(0, str(here / "e.zip"))
    __import__("helper_a"), __import__("module_e")
    assert found() == {
        name: sha256(here / name)
        for name in sorted(
            ("e.zip", "helper_a.py", "helper_b.py", "package_c/__init__.py")
            + ("package_c/inner/__init__.py", "package_c/inner/d.py")
        )
    }
    assert found(known=[str(here / "package_c")]).keys() == {"e.zip", "helper_a.py", "helper_b.py"}


def test_what_is_installed_or_no_module_is_left_out(here, monkeypatch):
    other = here / "venv" / "site-packages"
    other.mkdir(parents=True)
    (other / "installed_f.py").write_text("")
    monkeypatch.syspath_prepend(str(other))
    __import__("installed_f")
    for name, file in (("odd_g", "_relative.py"), ("odd_h", 3), ("odd_i", None)):
        module = type(sys)(name)
        module.__file__ = file
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "odd_j", None)
    assert found() == {}


def test_a_file_that_changed_since_its_import_has_no_hash(here):
    path = here / "helper_k.py"
    path.write_text("x = 1\n")
    module = __import__("helper_k")
    began = time.time() - 1000
    assert found(began) == {"helper_k.py": sha256(path)}, "it was written in this run, and imported"
    path.write_text("x = 22\n")
    assert found(began) == {"helper_k.py": None}
    importlib.reload(module)
    assert found(began) == {"helper_k.py": None}, "it was executed in two states"
    path.unlink()
    assert found(began) == {"helper_k.py": None}


def test_code_counts_however_it_was_executed(here):
    for name in "abcde":
        (here / f"{name}.py").write_text("")
    spec = importlib.util.spec_from_file_location("any", here / "a.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    runpy.run_path("b.py")
    exec(Path("c.py").read_text())
    __import__("d")
    del sys.modules["d"]
    exec("x = 1")
    with open("written.py", "w") as file:
        file.write("")
    assert list(found()) == ["a.py", "b.py", "c.py", "d.py"]


def test_what_was_imported_before_the_watch_is_as_it_was_if_it_is_older(here):
    (here / "helper_l.py").write_text("")
    __import__("helper_l")
    for began, sha in ((time.time() + 9, sha256(here / "helper_l.py")), (time.time() - 9, None)):
        loaded_modules._seen.clear()
        assert found(began) == {"helper_l.py": sha}


def test_of_what_the_run_wrote_and_removed_nothing_is_said(here):
    for name in ("before", "within"):
        (here / f"{name}.py").write_text("")
    os.utime(here / "before.py", (1, 1))
    for name in ("before", "within"):
        runpy.run_path(f"{name}.py")
        (here / f"{name}.py").unlink()
    assert found(time.time() - 9) == {"before.py": None}


def test_no_current_directory_stops_no_code(here):
    folder = here / "gone"
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()
    exec(compile("1", "relative.py", "exec"))
    os.chdir(here)


def test_a_record_s_modules_are_compared_with_their_files(here):
    paths = [here / name for name in ("a.py", "b.py", "c.py")]
    for path in paths:
        path.write_text("x")
    held = {p.name: sha256(p) for p in paths} | {"c.py": None}
    record = {"provenance": {"modules": held}}
    assert changed(record, {}) == ["c.py"]
    paths[0].write_text("y")
    paths[1].unlink()
    assert changed(record, {}) == ["a.py", "b.py", "c.py"]
    for nothing in ({}, {"provenance": 3}, {"provenance": {"modules": None}}):
        assert changed(nothing, {}) == []
