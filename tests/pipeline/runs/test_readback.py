"""What a run's record says of its parameters is what its kernel had; kernels here are forks."""

import json

import pytest
import toy_notebooks
from executed import executed

pytestmark = pytest.mark.notebook


@pytest.fixture
def run(tmp_path, monkeypatch, template):
    """Runs a notebook of these cells with these values; the record, and what the cells printed."""
    monkeypatch.chdir(tmp_path)

    def ran(cell, *cells, **values):
        record, left, _ = executed(tmp_path, template, *cells, values=values, parameters_cell=cell)
        outputs = [o for c in left.cells for o in c.get("outputs", [])]
        return record, "".join(o.text for o in outputs if o.output_type == "stream")

    return ran


def old(source):
    return toy_notebooks.code(source, "old", "injected-parameters")


@pytest.mark.parametrize(("values", "used"), [({}, "0.1"), ({"rate": 0.5}, "0.5")])
def test_what_papermill_injected_before_is_dropped(run, tmp_path, values, used):
    record, told = run("rate = 0.1", old("rate = 0.9"), "print(rate)", **values)
    assert (record["state"], told.strip()) == ("done", used), record["error"]
    assert record["knobs"] == {"rate": float(used)}
    assert record["notes"] == []
    page = (tmp_path / "r" / record["folder"] / "page.html").read_text()
    assert f"<td>{used}</td>" in page


@pytest.mark.parametrize(
    "cell",
    [
        "n = 10\nn += 5",
        "n = 10\nn = 20",
        "import random\nn = random.randint(3, 9)",
        "n: int = 10\nfor _ in range(2):\n    n = n * 2",
        "n = 10\nexec('n = 11')",
        "try:\n    n = int('x')\nexcept ValueError:\n    n = 12",
        "(n := 10)\nn = 13",
        "%%time\nn = 10; n += 1",
    ],
)
def test_a_value_that_equals_the_first_default_is_injected_as_well(run, cell):
    first, told = run(cell, "print('n is', n)")
    assert first["state"] == "done", first["error"]
    assert f"n is {first['knobs']['n']}\n" in told
    given, told = run(cell, "print('n is', n)", n=10)
    assert (given["knobs"]["n"], given["given"]) == (10, {"n": 10})
    assert "n is 10\n" in told
    assert "--n 10" in given["command"]


def test_values_of_every_kind_come_back_as_they_are(run):
    cell = (
        "import numpy as np, math, pathlib\n"
        "a = np.float64(0.5); b = np.int64(3); c = np.bool_(True)\n"
        "d = (1, 'x', [None]); e = {'k': math.inf}; f = pathlib.Path('x'); g = 'ü\\n'\n"
        "h = float('nan'); i = 2**70\nfiles = !echo one\nk = list(range(200_000))\n"
    )
    record, _ = run(cell, "print(1)")
    assert record["knobs"] == {
        **{"a": 0.5, "b": 3, "c": True, "d": [1, "x", [None]], "e": {"k": "inf"}},
        **{"g": "ü\n", "h": "nan", "i": 2**70, "files": ["one"]},
    }
    json.dumps(record, allow_nan=False)


def test_derived_parameters_are_told_as_they_were(run):
    """The given value comes after the cell that derives from the default, as papermill has it."""
    record, told = run("n = 10\ntotal = 2 * n", "print(n, total)", n=20)
    assert record["knobs"] == {"n": 20, "total": 20}
    assert told == "20 20\n"


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        (["rate = 0.9", "print(rate)"], "cell-0"),
        (["x = 1", "rate, x = 0.9, 2\nprint(rate)"], "cell-1"),
        (["from settings import *", "print(rate)"], "cell-0"),
        (["for rate in [0.9]: pass"], "cell-0"),
        (["for rate in [0.1, 0.9]:\n    print(rate)"], "cell-0"),
        (["x = 1\nif x:\n    rate = 0.9\nprint(rate)"], "cell-0"),
        (["%%time\nrate = 0.9\nprint(rate)"], "cell-0"),
        (["def f():\n    rate = 3\n    return 1\nf()", "rate = 0.9"], "cell-1"),
        (["def f():\n    return rate", "rate = 0.9", "print(f())"], "cell-1"),
    ],
)
def test_a_value_that_is_replaced_before_it_is_read(run, tmp_path, monkeypatch, cells, place):
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{toy_notebooks.ROOT}")
    (tmp_path / "settings.py").write_text("rate = 0.9\n")
    record, _ = run("import sys; sys.path.insert(0, '.')\nrate = 0.1", *cells, rate=0.5)
    assert record["state"] == "failed"
    what = f"`rate` must be used as given (0.5); cell {place!r} sets 0.9 before any cell reads it"
    assert record["error"] == what
    record, _ = run("import sys; sys.path.insert(0, '.')\nrate = 0.1", *cells)
    assert (record["state"], record["knobs"]["rate"]) == ("done", 0.9)
    assert record["notes"] == [f"`rate` is 0.9: cell {place!r} sets it before any cell reads it"]


def test_a_value_that_is_used_and_then_changed(run):
    record, _ = run("n = 1", "def f():\n    return n", "print(f())", "n = 7", n=3)
    assert (record["state"], record["knobs"]) == ("done", {"n": 3})
    assert record["notes"] == ["`n` was 3 until cell 'cell-2', then 7"]
    same, _ = run("n = 1", "while n < 3: n += 1", "n = 3", n=3)
    assert same["notes"] == []


def test_a_value_that_nothing_reads(run):
    record, _ = run("n = 1\nm = 2", "print(m)", n=3)
    assert record["notes"] == ["no cell after the parameters reads `n`"]
    for cell in ("print(globals()['n'])", "%timeit -n1 -r1 n", "!echo {n}", "print(f'{n}')"):
        assert run("n = 1", cell, n=3)[0]["notes"] == []


def test_a_function_from_before_the_parameters_reads_where_it_is_called(run, tmp_path):
    first = toy_notebooks.code("def f():\n    return n", "first")
    parameters = toy_notebooks.code("n = 1", "own", "parameters")
    assert run("m = 1", first, parameters, "print(f())", n=3)[0]["notes"] == []


@pytest.mark.parametrize(
    ("cells", "knobs"), [(["1 / 0", "n = 1"], {}), (["n = 1", "1 / 0"], {"n": 3})]
)
def test_a_run_that_fails_tells_what_it_came_to_set(run, cells, knobs):
    last = [
        toy_notebooks.code(c, f"c{i}", *["parameters"] * ("n" in c)) for i, c in enumerate(cells)
    ]
    record, _ = run("m = 1", *last, n=3)
    assert (record["state"], record["knobs"]) == ("failed", {"m": 1, **knobs})
    assert record["given"] == {"n": 3}
    assert record["notes"] == ([] if knobs else ["the run ended before it set `n`"])


def test_names_of_their_own_are_not_the_parameter(run):
    record, told = run("n = 1", "def f(n):\n    return n\nprint(f(5), [n for n in [6]])", n=3)
    assert (record["knobs"], told) == ({"n": 3}, "5 [6]\n")
    assert record["notes"] == ["no cell after the parameters reads `n`"]


@pytest.mark.parametrize(
    ("first", "cell", "tag", "knobs", "unset"),
    [
        ("print(1)", "a = 1\nfloat('x')\nb = 2", "raises-exception", {"a": 1}, "b"),
        ("print(1)", "b = 2", "skip-execution", {}, "b"),
        ("import sys; sys.exit(0)", "b = 2", "other", {}, "b"),
    ],
)
def test_a_value_that_the_run_never_set(run, tmp_path, first, cell, tag, knobs, unset):
    cells = [first, toy_notebooks.code(cell, "second", "parameters", tag), "print('end')"]
    record, _ = run("n = 1", *cells)
    assert (record["state"], record["knobs"]) == ("done", {"n": 1, **knobs}), record["error"]
    assert f"the run never set `{unset}`" in record["notes"]
    page = (tmp_path / "r" / record["folder"] / "page.html").read_text()
    assert "without a plain value in the run; the cell says 2" in page


def test_a_value_that_the_kernel_does_not_take(run):
    cell = (
        "n = 1\n_ip = get_ipython()\n"
        "_ip.events.register('post_run_cell', lambda r: _ip.user_ns.update(n=7))"
    )
    record, _ = run(cell, "print(n)", n=3)
    assert record["state"] == "failed"
    assert record["error"] == "`n` must be 3 in the kernel after the parameters; got 7"
    assert record["knobs"] == {"n": 7}


def test_two_cells_of_parameters(run):
    second = toy_notebooks.code("n = 5\nm = 6", "second", "parameters")
    record, told = run("n = 1", "print(n)", second, "print(n, m)", n=3, m=4)
    assert (record["knobs"], told) == ({"n": 3, "m": 4}, "3\n3 4\n")
    assert record["state"] == "done", record["error"]


def test_a_long_value_comes_back_whole(run):
    values = [str(i) for i in range(50_000)]
    record, _ = run("x = []", "print(len(x))", x=values)
    assert (record["state"], record["knobs"]) == ("done", {"x": values})
