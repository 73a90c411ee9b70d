"""Experiments of installed packages: found without a registry, harmless where they are broken."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from toy_notebooks import ROOT

from workbench.experiment import packages
from workbench.runs import find
from workbench.runs.identity.provenance import source_hash
from workbench.runs.new import write_package

WORDS = [sys.executable, "-m"]


def ran(site, *words, cwd=None):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    how = {"cwd": cwd or site, "env": environment, "capture_output": True, "text": True}
    return subprocess.run([*WORDS, *words], timeout=300, **how)


def installed(site, package, points, files=None):
    """Puts a distribution into the folder as an installer does: its files and its entry points."""
    about = site / f"{package}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {module}" for name, module in points.items()]
    (about / "entry_points.txt").write_text("\n".join([f"[{packages.GROUP}]", *lines, ""]))
    for name, text in (files or {}).items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A package as `new --package` writes it."""
    folder = tmp_path_factory.mktemp("here") / "my-papers"
    write_package("toys/coin", folder)
    return folder


@pytest.fixture(scope="module")
def site(written):
    """The folder of the package with what an installation adds."""
    installed(written, "my-papers", {"toys/coin": "my_papers.coin"})
    return written


@pytest.fixture
def here(site, monkeypatch):
    """The package in this process."""
    monkeypatch.syspath_prepend(site)
    yield find.experiment("toys/coin")
    for name in ("my_papers", "my_papers.coin"):
        sys.modules.pop(name, None)


@pytest.mark.notebook
def test_every_command_knows_an_installed_experiment(site, tmp_path):
    def command(*words):
        done = ran(site, "workbench", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "toys/coin" in command("list")
    shown = command("show", "toys/coin")
    assert "package: my-papers\n" in shown
    assert str(site / "my_papers" / "coin.ipynb") in shown
    page = Path(command("run", "toys/coin", "--draws", "5000").split("done in ")[1].split()[2])
    assert "The mean of uniform numbers is one half" in (tmp_path / page).read_text()
    assert "agree bit for bit" in command("verify", str(page.parent))
    swept = command("sweep", "toys/coin", "--draws", "1000,2000", "--function")
    assert "2 done" in swept
    assert "2 kept" in command("sweep", "toys/coin", "--draws", "1000,2000", "--function")
    command("report", "reports/studies/toys-coin")
    command("gallery")
    assert page.relative_to("reports").as_posix() in (tmp_path / "reports/index.html").read_text()


def test_a_panel_offers_its_commands(here):
    from widgets.panel.run_controls import RunControls

    params = here.module().Params(draws=500)
    commands = dict(RunControls(params).commands)
    assert commands["as a run of its own"] == "workbench run toys/coin --draws 500"
    assert commands["by papermill"] == f"papermill {here.notebook} out.ipynb -p draws 500"


def own_tests(folder):
    """What a package's own tests print, run apart from this repository's settings."""
    alone = ["-c", os.devnull, "--rootdir", str(folder), "-q", "-p", "no:cacheprovider"]
    return ran(folder, "pytest", *alone, str(folder / "tests")).stdout


def test_the_package_tests_itself(site, tmp_path):
    """By the contract, which a wrong experiment breaks, and a notebook that is another's."""
    assert "5 passed" in own_tests(site)
    folder = tmp_path / "mistaken"
    code, notebook = (folder / "mistaken" / f"coin.{kind}" for kind in ("py", "ipynb"))
    write_package("toys/coin", folder)
    code.write_text(code.read_text().replace("law=0.5", "law=0.6"))
    notebook.write_text(notebook.read_text().replace("10000", "10001"))
    said = own_tests(folder)
    failed = re.findall(r"^FAILED tests/test_coin.py::(\S+)", said, re.M)
    assert "test_the_experiment_keeps[findings_on_file]" in failed
    assert "test_the_notebook_has_the_model_s_parameters" in failed


@pytest.mark.index
def test_the_package_installs(written, tmp_path):
    pip = [*WORDS, "pip", "--quiet", "install", "--no-deps", "--target", tmp_path, written]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr
    shown = ran(tmp_path, "workbench", "show", "toys/coin")
    assert f"notebook: {Path('my_papers', 'coin.ipynb')}\n" in shown.stdout


FINE = '"""Is it fine?"""\nfrom my_papers.coin import CLAIMS, PAPER, Params, run\n'
# By name: the module's text, and what is said of it.
BROKEN = {
    "import": ("import no_such_module\n", "must be importable; got ModuleNotFoundError: No module"),
    "raises": ("raise OSError('one\\ntwo')\n", "must be importable; got OSError: one two"),
    "syntax": ("x = \n", "must be importable; got SyntaxError: invalid syntax"),
    "exits": ("raise SystemExit(3)\n", "must be importable; got SystemExit: 3"),
    "dies": ("import os\nos._exit(7)\n", "its import ended the interpreter with status 7"),
    "bare": ('"""Is it?"""\n', "must define `Params`, `run` and `CLAIMS`; got"),
}


def test_what_cannot_be_loaded_is_said_and_spoils_nothing(site, tmp_path):
    points = {f"toys/{name}": f"others.{name}" for name in (*BROKEN, "fine", "loud", "missing")}
    points |= {"dendrites/digits": "others.fine", "Toys/Big": "others.fine", "own/x": "others.fine"}
    points |= {"toys/call": "others.fine:run", "toys/twice": "others.fine"}
    files = {f"others/{name}.py": text for name, (text, _) in BROKEN.items()}
    files |= {"others/__init__.py": "", "others/fine.py": FINE}
    files["others/loud.py"] = FINE + "print('noise')\n"
    installed(tmp_path, "others", points, files)
    installed(tmp_path, "rivals", {"toys/twice": "others.fine"})
    done = ran(f"{tmp_path}{os.pathsep}{site}", "workbench", "list", cwd=tmp_path)
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    own = [e.name for e in find.experiments()]
    assert listed == sorted([*own, "toys/coin", "toys/fine", "toys/loud"])
    said = done.stderr.splitlines()
    assert len(said) == len(BROKEN) + 6
    for name, (_, sentence) in BROKEN.items():
        (line,) = [s for s in said if f"`toys/{name}`" in s]
        assert sentence in line
    for sentence in (
        "`toys/twice` must be declared once; got it from others and rivals",
        "`dendrites/digits` of the package others must be a new name; it is the workbench's",
        "`Toys/Big` of the package others must be FAMILY/SUBJECT in lower-case letters",
        "`own/x` of the package others must be FAMILY/SUBJECT in lower-case letters",
        "`toys/missing` of the package others must name a module in a file; got 'others.missing'",
        "`toys/call` of the package others must name a module in a file; got 'others.fine:run'",
    ):
        assert any(sentence in line for line in said), sentence
    for words in (["run", "toys/import"], ["show", "toys/bare"], ["sweep", "toys/twice"]):
        refused = ran(f"{tmp_path}{os.pathsep}{site}", "workbench", *words, cwd=tmp_path)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert refused.stderr.startswith(f"`{words[1]}` ")


def test_only_what_is_used_is_imported(tmp_path):
    text = "from pathlib import Path\nPath(__file__).with_name('imported').touch()\n"
    files = {"others/__init__.py": text, "others/a.py": FINE}
    installed(tmp_path, "others", {"toys/a": "others.a"}, files)
    for words in (
        ["show", "dendrites/digits"],
        ["run", "scaling/fit", "--help"],
        ["run", "toys/b"],
    ):
        ran(tmp_path, "workbench", *words)
    refused = ran(tmp_path, "workbench", "new", "toys/a", "--package", "x")
    assert "must be a new name; got 'toys/a'" in refused.stderr
    assert not (tmp_path / "others" / "imported").exists()
    ran(tmp_path, "workbench", "list")
    assert (tmp_path / "others" / "imported").exists()


def test_a_built_in_experiment_is_never_replaced(tmp_path, monkeypatch):
    installed(tmp_path, "others", {"dendrites/digits": "others"}, {"others.py": FINE})
    monkeypatch.syspath_prepend(tmp_path)
    assert find.experiment("dendrites/digits").package == ""


@pytest.mark.parametrize(
    ("changed", "is_felt"),
    [
        ("others/sub/a.py", True),
        ("others/near.py", True),
        ("others/far/deep.py", True),
        ("others/far/__init__.py", True),
        ("others/sub/kernel.cu", True),
        ("others/unused.py", False),
        ("elsewhere.py", False),
    ],
)
def test_a_run_rests_on_its_package_s_own_modules(tmp_path, monkeypatch, changed, is_felt):
    files = {
        "others/__init__.py": "",
        "others/sub/__init__.py": "",
        "others/sub/a.py": '"""Is it?"""\nfrom ..near import x\nimport elsewhere\n',
        "others/sub/kernel.cu": "",
        "others/near.py": "def f():\n    from others.far import deep\n",
        "others/far/__init__.py": "",
        "others/far/deep.py": "",
        "others/unused.py": "",
        "elsewhere.py": "",
    }
    installed(tmp_path, "others", {"toys/a": "others.sub.a"}, files)
    monkeypatch.syspath_prepend(tmp_path)
    starts = find.experiment("toys/a").starts
    before = source_hash(starts)
    (tmp_path / changed).write_text(files[changed] + "\n# a comment\n")
    assert (source_hash(starts) != before) is is_felt


@pytest.mark.parametrize("layout", ["module", "package", "namespace"])
def test_a_module_may_stand_in_any_layout(tmp_path, monkeypatch, layout):
    module, file = {
        "module": ("alone", "alone.py"),
        "package": ("whole.part", "whole/part/__init__.py"),
        "namespace": ("space.deep.part", "space/deep/part.py"),
    }[layout]
    files = {file: FINE} | ({"whole/__init__.py": ""} if layout == "package" else {})
    installed(tmp_path, "others", {"toys/a": module}, files)
    monkeypatch.syspath_prepend(tmp_path)
    found = find.experiment("toys/a")
    assert (found.source, found.title) == (tmp_path / file, "Is it fine?")
    assert found.notebook == (tmp_path / file).with_name(f"{module.split('.')[-1]}.ipynb")
    assert packages.name_of(module) == "toys/a"


@pytest.mark.parametrize(
    ("name", "folder", "says"),
    [
        ("dendrites/digits", "fresh", "`name` must be a new name"),
        ("digits", "fresh", "`name` must be FAMILY/SUBJECT"),
        ("toys/a", "json", "`package` must be a folder with a name that no installed package has"),
        ("toys/a", "numpy", "`package` must be a folder with a name that no installed package has"),
        ("toys/a", "1st", "`package` must be a folder named by letters, digits and dashes"),
        ("toys/a", "my papers", "`package` must be a folder named by letters"),
        ("toys/a", "class", "`package` must be a folder named by letters"),
        ("toys/a", "full", "`package` must be a new folder, or an empty one"),
        ("toys/a", "file", "`package` must be a folder that can be written"),
        ("toys/a", "file/below", "`package` must be a folder that can be written"),
    ],
)
def test_a_package_that_cannot_be_written_is_refused(tmp_path, name, folder, says):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("")
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=f"^{says}"):
        write_package(name, tmp_path / folder)
    assert sorted(tmp_path.rglob("*")) == before
