import os
import shutil

import nbformat
import pytest

from workbench.runs.find import ROOT, experiments
from workbench.runs.identity import provenance
from workbench.runs.identity.closure import Starts, closure, ours, sources_of

FILES = {
    "pkg/__init__.py": "",
    "pkg/a/__init__.py": "",
    "pkg/a/top.py": "import numpy\nfrom pkg.b import middle\n",
    "pkg/b/__init__.py": "",
    "pkg/b/middle.py": "def f():\n    from pkg.c.low import g\n    return g\n",
    "pkg/b/beside.py": "",
    "pkg/c/__init__.py": "import typing\nif typing.TYPE_CHECKING:\n    import pkg.types\n",
    "pkg/c/low.py": "import pkg.a.top\n",
    "pkg/c/kernel.cu": '#include "kernel.h"\n',
    "pkg/c/kernel.h": "",
    "pkg/c/notes.txt": "",
    "pkg/types.py": "",
    "pkg/d/far.h": "",
}


# By what stands before its first line, the modules that `pkg/a/top.py` then rests on.
RELATIVE = {
    "from . import side": {"pkg/a/side.py"},
    "from .side import x": {"pkg/a/side.py"},
    "from ..b import beside": {"pkg/b/beside.py"},
    "from .. import types": {"pkg/types.py"},
    "def f():\n    from ..b.beside import x": {"pkg/b/beside.py"},
    "from ...beyond import x": set(),
    "this is no Python": set(),
}


@pytest.fixture
def house(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(house, *starts):
    found = closure([house / s for s in starts], {"pkg": house / "pkg"})
    return [str(p.relative_to(house.resolve())) for p in found]


def test_what_is_imported_transitively_counts_and_nothing_else(house):
    """Through a function, around a circle, with packages and CUDA files; without types' imports."""
    assert names(house, "pkg/a/top.py") == [
        "pkg/__init__.py",
        "pkg/a/__init__.py",
        "pkg/a/top.py",
        "pkg/b/__init__.py",
        "pkg/b/middle.py",
        "pkg/c/__init__.py",
        "pkg/c/kernel.cu",
        "pkg/c/kernel.h",
        "pkg/c/low.py",
    ]
    assert names(house, "pkg/b/beside.py") == [
        "pkg/__init__.py",
        "pkg/b/__init__.py",
        "pkg/b/beside.py",
    ]


@pytest.mark.parametrize("line", RELATIVE)
def test_relative_imports_count(house, line):
    """In packages from elsewhere; the workbench has none. What is no Python imports nothing."""
    (house / "pkg/a/side.py").write_text("")
    (house / "pkg/a/top.py").write_text(line)
    found = {name for name in names(house, "pkg/a/top.py") if name.endswith(".py")}
    inits = {f"{folder}/__init__.py" for folder in ("pkg", "pkg/a", "pkg/b")}
    assert found - inits == RELATIVE[line] | {"pkg/a/top.py"}


def test_what_is_no_package_of_ours_does_not_count(house):
    """In an installation NumPy's files stand in the same folder."""
    (house / "numpy").mkdir()
    (house / "numpy/__init__.py").write_text("")
    assert not any("numpy" in name for name in names(house, "pkg/a/top.py"))


def test_a_file_that_changes_is_read_again(house):
    assert "pkg/types.py" not in names(house, "pkg/a/top.py")
    file = house / "pkg/c/low.py"
    file.write_text("import pkg.types\n")
    os.utime(file, ns=(1, 1))
    assert "pkg/types.py" in names(house, "pkg/a/top.py")


def test_a_notebook_s_cells_name_their_modules(house):
    cells = [
        "%matplotlib inline\nfrom workbench.base import checks",
        "import numpy",
        "%%bash\nls",
        "(",
    ]
    found = sources_of(cells, ours(ROOT))
    assert ROOT / "workbench/base/checks.py" in found
    assert all("workbench" in str(p) for p in found)


@pytest.mark.parametrize(
    ("changed", "is_felt"),
    [
        ("workbench/scaling/allocation/isoflop.py", True),
        ("workbench/scaling/fit/solvers/cuda/tape.h", True),
        ("widgets/panel/plot.js", True),
        ("workbench/experiment/claims.py", True),
        ("workbench/inits/theory/moments.py", False),
        ("workbench/dendrites/matching/backends/bitslice.h", False),
        ("workbench/studies/sweep.py", False),
        ("workbench/experiments/scaling/fit.py", False),
    ],
)
def test_an_edit_makes_again_only_the_runs_that_rest_on_it(tmp_path, monkeypatch, changed, is_felt):
    """Two copies of the sources that differ by one comment."""
    hashes = set()
    for folder, note in (("one", ""), ("two", "\n# a comment\n")):
        for package in ("workbench", "widgets", "notebooks"):
            shutil.copytree(ROOT / package, tmp_path / folder / package)
        with (tmp_path / folder / changed).open("a") as file:
            file.write(note)
        monkeypatch.setattr(provenance, "PACKAGE", tmp_path / folder / "workbench")
        notebook = nbformat.read(tmp_path / folder / "notebooks/scaling/isoflop.ipynb", 4)
        cells = [c.source for c in notebook.cells if c.cell_type == "code"]
        source = tmp_path / folder / "workbench/experiments/scaling/isoflop.py"
        starts = Starts((source, *sources_of(cells, ours(tmp_path / folder))))
        hashes.add(provenance.source_hash(starts))
    assert (len(hashes) == 2) is is_felt


def test_an_experiment_rests_on_its_own_family():
    of = {
        e.name: {str(p.relative_to(ROOT)) for p in closure(e.starts.files, ours(ROOT))}
        for e in experiments()
    }
    for name, files in of.items():
        family, subject = name.split("/")
        assert f"workbench/experiments/{family}/{subject}.py" in files
        assert "workbench/experiment/params.py" in files
        others = {other.split("/")[0] for other in of} - {family}
        assert not {f for f in files if f.split("/")[1] in others}, name
        assert not {f for f in files if f.startswith(("workbench/runs", "workbench/studies"))}
