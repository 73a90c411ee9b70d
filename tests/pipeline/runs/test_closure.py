import os

import pytest

from workbench.runs.find import ROOT, experiments
from workbench.runs.identity.closure import closure

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


@pytest.fixture
def house(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(house, *starts):
    found = closure([house / s for s in starts], house)
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


def test_a_file_that_changes_is_read_again(house):
    assert "pkg/types.py" not in names(house, "pkg/a/top.py")
    file = house / "pkg/c/low.py"
    file.write_text("import pkg.types\n")
    os.utime(file, ns=(1, 1))
    assert "pkg/types.py" in names(house, "pkg/a/top.py")


def test_an_experiment_rests_on_its_own_family():
    of = {
        e.name: {str(p.relative_to(ROOT)) for p in closure([e.source], ROOT)} for e in experiments()
    }
    for name, files in of.items():
        family, subject = name.split("/")
        assert f"workbench/experiments/{family}/{subject}.py" in files
        assert "workbench/experiment/params.py" in files
        others = {"dendrites", "inits", "scaling"} - {family}
        assert not {f for f in files if f.split("/")[1] in others}, name
        assert not {f for f in files if f.startswith(("workbench/runs", "workbench/studies"))}
