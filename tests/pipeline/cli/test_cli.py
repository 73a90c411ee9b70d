import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
import toy_notebooks
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.cli import cli
from workbench.runs import execute as executing


@pytest.fixture
def started(monkeypatch):
    """The jobs that were about to run; no kernel starts."""
    jobs = []

    def execute(job, reports, **how):
        jobs.append((job, reports, how))
        state = "failed" if job.params.values().get("x") == 13 else "done"
        return {
            "name": job.name,
            "state": state,
            "error": "cell 'a': ValueError: unlucky",
            "claims": [{"verdict": "not reproduced", "statement": "It is so"}],
            "folder": f"{job.name}/{job.run}",
            "timings": {"seconds": 1.25},
        }

    monkeypatch.setattr(executing, "execute", execute)
    return jobs


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = (
        "x: int = 3  # a number\nword = 'a'\nlow: float | None = None\nvalues = [1]\nflag = False"
    )
    return toy_notebooks.notebook(tmp_path / "own.ipynb", parameters_cell=cell).name


def call(*words):
    return CliRunner().invoke(cli.main, list(map(str, words)))


def test_knobs_become_values(own, started):
    words = ["--x", "1e4", "--word=b c", "--low", "-2.5", "--values", "[2, 3]", "--flag", "true"]
    result = call("run", own, *words)
    assert result.exit_code == 0
    ((job, reports, how),) = started
    changed = {"x": 10000, "word": "b c", "low": -2.5, "values": [2, 3], "flag": True}
    assert job.params.changed() == changed
    assert reports == Path("reports")
    assert how.items() >= {"progress": False, "cell_timeout": None}.items()
    assert f"{job.run}/page.html" in result.stdout.replace("\\", "/")
    assert "not reproduced  It is so" in result.stdout


def test_options_of_the_command(own, started, monkeypatch):
    opened = []
    monkeypatch.setattr(click, "launch", opened.append)
    result = call("run", own, "--reports", "a b", "--x", "4", "--open", "--cell-timeout=7")
    ((job, reports, how),) = started
    assert (reports, how["cell_timeout"], result.exit_code) == (Path("a b"), 7, 0)
    assert opened == [str(Path("a b") / job.name / job.run / "page.html")]


def test_a_run_that_fails_ends_with_status_1(own, started, monkeypatch):
    monkeypatch.setattr(click, "launch", lambda _: pytest.fail("there is no page to open"))
    result = call("run", own, "--x", "13", "--open")
    assert result.exit_code == 1
    assert "own/own failed: cell 'a': ValueError: unlucky" in result.stderr
    assert "notebook" not in result.stderr, "none was left"
    assert "page.html" not in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["own.ipynb", "--y", "1"], "`y` must be the name of a knob; there is x, word, low"),
        (["own.ipynb", "--wrod", "b"], "`wrod` must be the name of a knob; did you mean `word`?"),
        (["own.ipynb", "--x", "2.5"], "`x` must be a whole number; got 2.5"),
        (["own.ipynb", "--x", "many"], "`x` must be a whole number; got 'many'"),
        (["own.ipynb", "--flag", "1"], "`flag` must be True or False; got '1'"),
        (["own.ipynb", "--x"], "`x` must have a value; got none"),
        (["own.ipynb", "--x", "1", "--x=2"], "`x` must be given once; got it twice"),
        (["own.ipynb", "x", "1"], "a knob must be given as --name value; got 'x'"),
        (["own.ipynb", "-x", "1"], "a knob must be given as --name value; got '-x'"),
        (["--x", "1", "own.ipynb"], "NAME must come first; got '--x'"),
        (["lost.ipynb"], "`notebook` must be an existing file; got 'lost.ipynb'"),
        (["dendrites/detecton"], "`dendrites/detecton` must be the name of an experiment; did yo"),
        (["own.ipynb", "--cell-timeout", "0"], "0 is not in the range x>=1"),
        (["own.ipynb", "--reports"], "'--reports' requires an argument"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_and_status_2(own, started, words, sentence):
    result = call("run", *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert started == []


TAKEN = ["reports", "open", "help", "cell_timeout", "progress", "shared_library", "set"]


@pytest.mark.parametrize("name", TAKEN)
def test_a_knob_named_like_an_option_is_given_by_set(tmp_path, started, name):
    path = toy_notebooks.notebook(tmp_path / "a.ipynb", parameters_cell=f"x = 1\n{name} = 2")
    assert call("run", path, "--x", "3").exit_code == 0
    assert call("run", path, "--x", "3", "--set", f"{name}=4").exit_code == 0
    assert call("run", path, f"--set={name.replace('_', '-')}=5", "--set", "x=6").exit_code == 0
    seen = [job.params.values() for job, *_ in started]
    assert seen == [{"x": 3, name: 2}, {"x": 3, name: 4}, {"x": 6, name: 5}]
    assert f"  --set {name}=2\n" in call("run", path, "--help").stdout
    # What the page says makes it again does so.
    command = started[1][0].command
    assert call(*command.split()[1:]).exit_code == 0
    assert started[-1][0].identity == started[1][0].identity


@pytest.mark.parametrize("words", [["--open", "1"], ["--open"], ["--reports", "3"], ["--progress"]])
def test_an_option_that_could_be_meant_for_a_knob(tmp_path, started, words, monkeypatch):
    monkeypatch.setattr(cli.click, "launch", lambda _: 0)
    path = toy_notebooks.notebook(
        tmp_path / "a.ipynb", parameters_cell="open = 1\nreports = 2\nprogress = 3"
    )
    result = call("run", path, *words)
    assert result.exit_code == 2
    name = words[0][2:]
    assert f"`{name}` " in result.stderr
    assert f"given as --set {name}=" in result.stderr
    assert started == []
    # With the knob set as well, nothing is left to guess.
    if len(words) == 1 or name == "reports":
        assert call("run", path, *words, "--set", f"{name}=5").exit_code == 0
        assert started[-1][0].params.values()[name] == 5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--set", "x"], "`set` must be given as --set NAME=VALUE; got 'x'"),
        (["--set", "=3"], "`set` must be given as --set NAME=VALUE; got '=3'"),
        (["--set", "x=3", "--x", "4"], "`x` must be given once; got it twice"),
        (["--set", "y=3"], "`y` must be the name of a knob"),
        (["--set", "x=a"], "`x` must be a whole number; got 'a'"),
        (["--cell-timeout", "a"], "A knob of this name is given as --set cell_timeout=VALUE."),
    ],
)
def test_what_set_refuses(own, started, words, sentence):
    result = call("run", own, *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert started == []


def test_a_refused_word_names_the_knobs_whose_options_were_given_alone(started, tmp_path):
    parameters = "open = 1\nreports = 2\nprogress = 3"
    path = toy_notebooks.notebook(tmp_path / "a.ipynb", parameters_cell=parameters)
    said = call("run", path, "--open", "3").stderr
    start = "a knob must be given as --name value; got '3'"
    assert said == f"{start}; the knob `open` is given as --set open=3\n"
    assert call("run", path, "3").stderr == f"{start}\n"


@pytest.mark.parametrize("words", [["run", "own.ipynb", "--help"], ["run", "own.ipynb", "-h"]])
def test_help_lists_the_knobs(own, started, words):
    result = call(*words)
    assert result.exit_code == 0
    assert "--x 3\n      a number; a whole number\n" in result.stdout
    assert "--low None\n      a number or None\n" in result.stdout
    assert "--reports DIR" in result.stdout
    assert started == []


@pytest.mark.parametrize("value", ["-h", "-high", "--help-me", "-1"])
def test_values_may_look_like_options(own, started, value):
    assert call("run", own, "--word", value).exit_code == 0
    assert started[0][0].params.values()["word"] == value


def test_without_a_name_run_shows_its_help():
    assert (call("run").exit_code, call("run", "--help").exit_code) == (2, 0)
    assert "Usage" in call("run").stdout
    assert "Usage" in call("run", "-h").stdout


def test_experiments_are_run_by_name(house, started):
    assert call("run", "toys/toy", "--draws", "20").exit_code == 0
    assert started[0][0].params.draws == 20
    result = call("run", "toys/toy", "--draws", "101")
    assert result.exit_code == 2
    assert "`draws` must be a whole number in [1, 100]; got 101" in result.stderr


def test_list_and_show(house):
    assert call("list").stdout == "toys/toy  Is a toy a toy?\n"
    shown = call("show", "toys/toy").stdout
    for told in (
        "It is so\n      Somebody (2020), eq. 1",
        "a whole number in [1, 100]",
        "toy.ipynb",
    ):
        assert told in shown
    result = call("show", "toys/tot")
    assert result.exit_code == 2
    assert "did you mean `toys/toy`?" in result.stderr


def test_new_writes_what_can_be_shown(house):
    result = call("new", "toys/fresh")
    assert result.exit_code == 0
    assert (house / "notebooks" / "toys" / "fresh.ipynb").is_file()
    assert "fresh" in call("list").stdout
    assert call("new", "toys/fresh").exit_code == 2
    assert "`name` must be FAMILY/SUBJECT" in call("new", "fresh").stderr


WORDS = st.one_of(
    st.text(st.characters(exclude_characters="\0"), max_size=12),
    st.sampled_from(
        ["--x", "--x=", "--x=3", "--word", "--low", "--values", "--flag", "--", "-", "-h", "--open"]
        + ["--reports", "--cell-timeout", "--x=[", "1" * 5000, "0x" + "f" * 5000, "1e999", "nan"]
        + ["{}", "{1: 2}", "(1,)", "'a'", "b'a'", "\udcff", "None", "True", "[nan]", "[1e999]"]
        + ["__import__('os')", "3+4j", "1if 1else 2", "\\d", "'\\d'", "-" * 100000, "[" * 5000]
    ),
)


@settings(max_examples=300)
@given(st.lists(WORDS, max_size=5))
@example(["--values", "[" * 200 + "]" * 200])
@example(["--x", "0x" + "f" * 5000])
def test_no_command_line_ends_in_a_traceback(tmp_path_factory, words):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    cell = "x: int = 3\nword = 'a'\nlow: float | None = None\nvalues = f()\nflag = False"
    if not folder.exists():
        folder.mkdir()
        toy_notebooks.notebook(folder / "own.ipynb", parameters_cell=cell)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click, "launch", lambda _: None)
        jobs = []
        patch.setattr(executing, "execute", lambda job, reports, **_: jobs.append(job) or FAKE)
        result = call("run", folder / "own.ipynb", *words)
    assert result.exit_code in (0, 2), result.exception
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    for job in jobs:
        json.dumps([job.identity, job.run, job.command, job.params.changed()], allow_nan=False)
    if result.exit_code == 2:
        assert jobs == []
        assert result.stderr.strip() or result.stdout.startswith("Usage")


FAKE = {
    "name": "own/own",
    "state": "done",
    "claims": [],
    "folder": "own/own/default",
    "timings": {"seconds": 1.0},
}


@settings(max_examples=100)
@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=12), max_size=3))
def test_no_name_ends_in_a_traceback(words):
    for command in ("run", "show", "list"):
        result = call(command, *words)
        assert result.exception is None or isinstance(result.exception, SystemExit)


HEAVY = "numpy pydantic nbformat nbconvert papermill plotly jupyter_client psutil hypothesis"


@pytest.mark.parametrize("words", [[], ["--help"], ["list"], ["run", "--help"], ["--version"]])
def test_what_needs_no_library_loads_none(words):
    code = (
        "import sys, contextlib\n"
        "from workbench.cli.cli import main\n"
        f"with contextlib.suppress(SystemExit): main({words!r})\n"
        f"print('loaded', *[n for n in {HEAVY!r}.split() if n in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=toy_notebooks.environment(),
        capture_output=True,
        text=True,
    )
    assert ran.stdout.splitlines()[-1] == "loaded", ran.stderr


def test_cli_itself_needs_nothing_but_click():
    code = (
        "import sys\nimport click\nbefore = set(sys.modules)\nimport workbench.cli.cli\n"
        "new = set(sys.modules) - before\n"
        "print({n.split('.')[0] for n in new} - set(sys.stdlib_module_names))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=toy_notebooks.environment(),
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == "{'workbench'}"


def test_a_run_that_is_refused_does_not_say_that_it_runs(own, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "link")
    for reports in ("file", "file/below", "link", "x" * 300):
        result = call("run", own, "--reports", tmp_path / reports)
        assert result.exit_code == 2
        assert result.stderr.startswith("`reports` must be a folder that can be written (")
        assert result.stderr.count("\n") == 1


def test_a_run_says_so_when_it_begins(own, tmp_path, monkeypatch):
    from workbench.runs.kernels.kernel import End

    monkeypatch.setattr(executing, "run_cells", lambda *_, **__: End("killed", "it was", None))
    result = call("run", own)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "own/own: running 1 cell"
    assert "the executed part of the notebook: " in result.stderr
