"""What `make mutants` changes, and whose tests it asks."""

from pathlib import Path

import pytest
from gpu_benchmark import module

ROOT = Path(__file__).parents[3]


mutants = module("mutants")

TEXT = '''"""Two plus 2."""
from functools import lru_cache

@lru_cache(4)
def f(x: Array[3], y: int=1) -> Array[2]:
    if x < 2 and y:
        raise ValueError(f'{x + 1}', 5)
    if x in y:
        refuse('x', x + 1)
    x += 0.5
    return x is True
'''


def test_operators_comparisons_and_constants_are_changed_and_no_words():
    count = len(list(mutants.changes(mutants.ast.parse(TEXT))))
    made = [mutants.changed(TEXT, place) for place in range(count)]
    after = [
        ("y: int=1", "y: int=2"),
        ("and", "or"),
        ("x < 2", "x <= 2"),
        ("x < 2", "x < 3"),
        ("x in y", "x not in y"),
        ("x += 0.5", "x -= 0.5"),
        ("x += 0.5", "x += 0.625"),
        ("x is True", "x is not True"),
        ("x is True", "x is False"),
    ]
    plain = mutants.ast.unparse(mutants.ast.parse(TEXT))
    assert sorted(made) == sorted(plain.replace(old, new) for old, new in after)


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("inits/theory/moments.py", ["unit/inits/theory/test_moments.py"]),
        ("studies/progress.py", ["pipeline/studies/test_progress.py"]),
        # No test is called like it: all of its folder.
        ("experiment/kinds.py", None),
    ],
)
def test_a_module_s_own_tests_are_those_that_mirror_it(file, tests):
    own = mutants.own_tests(ROOT / "workbench" / file)
    found = [str(t.relative_to(ROOT / "tests")) for t in own]
    assert found == tests or (tests is None and found)
    assert all(t.startswith(("unit", "pipeline")) for t in found)


def test_every_module_has_own_tests():
    files = {site.file for site in mutants.sites()}
    assert len(files) > 100
    assert all(mutants.own_tests(file) for file in files)


def test_compiled_code_that_may_hold_a_change_is_compiled_again(tmp_path):
    for name in ("cpu_chinchilla.fit-1.nbi", "moments.f-1.nbi"):
        (tmp_path / ".numba" / "x").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".numba" / "x" / name).touch()
    changed = ROOT / "workbench/scaling/fit/solvers/cpu_operations.py"
    left = mutants.cache_without(changed, tmp_path, tmp_path / "room")
    assert [p.name for p in left.rglob("*.nbi")] == ["moments.f-1.nbi"]
