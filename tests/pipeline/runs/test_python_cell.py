import time

import pytest

from workbench.runs.parameters.annotation import kind_of_text
from workbench.runs.parameters.python_cell import (
    is_opaque,
    python_of,
    readers_of,
    times_set,
    touch,
)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("files = !ls\nn = 3", {"files": 1, "n": 1}),
        ("%%time\nn = 3", {"n": 1}),
        ("\n%%capture out --no-stderr\n%%time\nn = 3", {"n": 1}),
        ("%matplotlib inline\nx = %who\n?len\nlen?\nn = 3", {"x": 1, "n": 1}),
        ("pip install numpy\nn = 3\ncd ..", {"n": 1}),
        ("!ls \\\n  -a\nn = 3", {"n": 1}),
        ("x = '\\d'\nn = 3", {"x": 1, "n": 1}),
        ("import a.b, c as d\nfrom e import f\ndef g(): pass", {"a": 1, "d": 1, "f": 1, "g": 1}),
        ("n = 1\nn += 1\ndel n", {"n": 3}),
    ],
)
def test_magics_are_no_obstacle(source, names):
    assert times_set(python_of(source)[1]) == names


@pytest.mark.parametrize("source", ["%%bash\nn=3", "%%writefile a.py\nn = 3", "n = ", "((((", "\0"])
def test_what_is_no_python(source):
    with pytest.raises(SyntaxError):
        python_of(source)


@pytest.mark.parametrize(
    "source", ["from a import *", "exec('n = 3')", "%run a.py", "globals()['n'] = 3", "%store -r"]
)
def test_code_that_may_set_anything(source):
    assert is_opaque(python_of(source)[1])
    assert not is_opaque(
        python_of("from typing import *\nimport a\n%matplotlib inline\n!ls\nf(x)")[1]
    )


@pytest.mark.parametrize(
    ("source", "first"),
    [
        ("n = 3", "set"),
        ("m = n\nn = 3", "read"),
        ("n = n + 1", "read"),
        ("n += 1", "read"),
        ("m = 3", None),
        ("(m, (n, k)) = f()", "set"),
        ("for n in x: pass", "set"),
        ("with f() as n: pass", "set"),
        ("import n", "set"),
        ("def n(): pass", "set"),
        ("def f():\n    n = 1", None),
        ("def f():\n    global n\n    n = 1", "read"),
        ("def f():\n    return n", None),
        ("def f():\n    return n\nn = 2\nf()", "set"),
        ("def f():\n    return n\nf()\nn = 2", "read"),
        ("async def f():\n    return n\ng = f\nn = 2", "read"),
        ("def f():\n    return n\ndef g():\n    return f()\nn = 2", "set"),
        ("def f():\n    return n\ndef g():\n    return f()\ng()\nn = 2", "read"),
        ("@now\ndef f():\n    return n\nn = 2", "read"),
        ("def f():\n    return eval('n')\nn = 2", "read"),
        ("class C:\n    def f(self):\n        return n\nn = 2", "set"),
        ("class C:\n    def f(self):\n        return n\nC()\nn = 2", "read"),
        ("f = lambda: n\nn = 2", "read"),
        ("if x:\n    n = 1", "maybe"),
        ("if x:\n    n = 1\nprint(n)", "maybe"),
        ("if x:\n    n = 1\nprint(n)\nn = 2", "read"),
        ("if x:\n    n = 1\nelse:\n    n = 2\nprint(n)", "set"),
        ("if n > 3:\n    n = 3", "read"),
        ("try:\n    n = f()\nexcept E:\n    n = 1", "maybe"),
        ("try:\n    f()\nexcept E:\n    print(n)", "read"),
        ("for n in range(3):\n    print(n)", "set"),
        ("for i in n:\n    n = i", "read"),
        ("with f() as x:\n    n = 3\n    print(n)", "set"),
        ("with f(n) as n:\n    pass", "read"),
        ("def f(n):\n    def g():\n        return n\n    return g", None),
        ("def f(k=n):\n    return k", "read"),
        ("f(lambda n: n)", None),
        ("[n for n in range(3)]", None),
        ("[n for n in range(3)]\nn = 1", "set"),
        ("[n for i in range(3)]", "read"),
        ("class C:\n    n = 3", None),
        ("class C:\n    n = n", "read"),
        ("await f(n)", "read"),
        ("table.query('a > @n')", "read"),
        ("!echo {n}", "read"),
        ("%%time\nn = 3", "set"),
        ("%%bash\necho $n", "read"),
        ("%%bash\necho $m", None),
        ("print('n')", None),
        ("Params.of(globals())", "read"),
        ("from a import *", None),
        ("del n", "read"),
        ("%echo 1\tn", "read"),
        ("m.query('\\t@n')", "read"),
        ("def f():\n    global n\n    n = 1\nf()", "read"),
    ],
)
def test_what_a_cell_does_first_with_a_name(source, first):
    assert touch(source, "n") == first


def test_many_names_cost_little_in_a_cell_that_has_none_of_them():
    """Twenty parameters and a thousand cells would otherwise take seconds."""
    cells = [f"def f{i}(a):\n    return [a + {i} for _ in a]\nz = f{i}(1)" for i in range(100)]

    def seconds(names):
        begin = time.process_time()
        for cell in cells:
            for name in names:
                assert touch(cell, name) is None
                assert readers_of(cell, name) == set()
        return time.process_time() - begin

    seconds(["z1"])  # parses the cells
    assert seconds([f"p{i}" for i in range(20)]) < 0.5


def test_functions_of_earlier_cells_read_where_they_are_used():
    readers = readers_of("def f():\n    return n\ndef g(n):\n    return n", "n")
    assert readers == {"f"}
    assert readers_of("class C:\n    x = f()\n%time 1", "n", readers) == {"f", "C"}
    for source, first in {"n = 2; f()": "set", "f(); n = 2": "read", "%%bash\nf": "read"}.items():
        assert touch(source, "n", readers) == first


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("List[int]", list[int]),
        ("typing.List['int']", list[int]),
        ("Optional[List[float]]", list[float] | None),
        ("t.Union[int, str, None]", int | str | None),
        ("Dict[str, List[int]]", dict[str, list[int]]),
        ("Tuple[int, ...]", tuple[int, ...]),
        ("tuple[int, str]", tuple[int, str]),
        ("Annotated[int, 'unit']", int),
        ("'int | None'", int | None),
        ("list[Path]", list),
        ("Dict[int, str]", None),
        ("Tuple[()]", tuple),
        ("Path", None),
        ("Optional[Path]", None),
        ("np.ndarray", None),
        ("3", None),
        ("int[", None),
    ],
)
def test_annotations(text, kind):
    assert kind_of_text(text) == kind
