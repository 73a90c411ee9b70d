"""What is imported is declared: in the base dependencies, or in the extra of its floor."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workbench.base.optional import optional

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OWN = {"workbench", "widgets"}
MODULES = [p for folder in sorted(OWN) for p in sorted((ROOT / folder).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# By what is imported, what is installed, where the two names differ.
DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "cupy": "cupy-cuda12x",
    "faiss": "faiss-cpu",
    "nvidia": "nvidia-cuda-nvrtc",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}

# What a package imports beyond its floor's extra, in functions that do without it or say what to
# install, and an extra that has it.
OPTIONAL = {
    ("workbench.base", "cupy-cuda12x"): "cuda12",
    ("workbench.base", "ipython"): "pages",
    ("workbench.dendrites", "scikit-learn"): "pages",
    ("workbench.inits", "h5py"): "references",
    ("workbench.inits", "jax"): "references",
    ("workbench.inits", "safetensors"): "pages",
    ("workbench.inits", "scikit-learn"): "pages",
    ("workbench.inits", "torch"): "references",
    ("workbench.share", "rocrate"): "crate",
    ("workbench.studies", "dask"): "dask",
    ("workbench.studies", "distributed"): "dask",
    ("workbench.tables", "duckdb"): "pages",
}


def declared(*extras):
    """The distributions of the base dependencies and of the extras, with the extras they name."""
    lists = PROJECT["optional-dependencies"]
    names, wanted = set(), [*PROJECT["dependencies"], *(f"paper-workbench[{e}]" for e in extras)]
    while wanted:
        requirement = Requirement(wanted.pop())
        if requirement.name == PROJECT["name"]:
            wanted += [r for extra in requirement.extras for r in lists[extra]]
        else:
            names.add(canonicalize_name(requirement.name))
    return names


def distribution(module):
    top = module.split(".")[0]
    return DISTRIBUTIONS.get(top, canonicalize_name(top))


def modules_of(node):
    """What an import statement, or a call that imports by a name, names."""
    if isinstance(node, ast.Import):
        return [a.name for a in node.names]
    if isinstance(node, ast.ImportFrom):
        return [] if node.level else [node.module]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        called = getattr(called, "id", called)
        if called in {"import_module", "find_spec", "importorskip", "optional", "_package"}:
            return [node.args[0].value]
    return []


def imports(text, own=OWN):
    """Each distribution that a module imports, and whether at once: not in a function."""
    nodes = [(node, True) for node in ast.parse(text).body]
    while nodes:
        node, at_once = nodes.pop()
        for module in modules_of(node):
            if module.split(".")[0] not in sys.stdlib_module_names | own:
                yield distribution(module), at_once
        at_once &= not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        nodes += [(child, at_once) for child in ast.iter_child_nodes(node)]


def floor_extras():
    """By package, the extras that the table "The house" of CONTRIBUTING.md names in its row."""
    table = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| \d \| (.*?) \|.*\|(.*?)\|$", table, re.M)
    return {
        path.removesuffix(".py").replace("/", "."): re.findall(r"`(.*?)`", extras)
        for paths, extras in rows
        for path in re.findall(r"`(.*?)`", paths)
    }


def part(path):
    """The package or file that the table has a row for; `workbench/__init__.py` has none."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "widgets" if parts[0] == "widgets" else ".".join(parts[:2])


def beyond_the_floor(text, extras):
    """What a module imports that neither the base dependencies nor these extras declare."""
    return {(name, at_once) for name, at_once in imports(text) if name not in declared(*extras)}


def test_every_import_is_declared_for_its_floor():
    extras = floor_extras()
    seen = set()
    for path in MODULES:
        here = part(path)
        for name, at_once in beyond_the_floor(path.read_text(), extras.get(here, [])):
            assert not at_once, f"{path.relative_to(ROOT)} imports {name}: declare it"
            seen.add((here, name))
    assert seen == set(OPTIONAL)


def test_optional_imports_are_declared_in_an_extra():
    for (_, name), extra in OPTIONAL.items():
        assert name in declared(extra) - declared()


@pytest.mark.parametrize(
    ("text", "beyond"),
    [
        ("import numpy as np", set()),
        ("import json, scipy.stats", set()),
        ("from workbench.base import array", set()),
        ("import pydantic", {("pydantic", True)}),
        ("from sklearn.datasets import load_digits", {("scikit-learn", True)}),
        ("if x:\n    import bs4", {("beautifulsoup4", True)}),
        ("def f():\n    import polars.io", {("polars", False)}),
        ("class A:\n    from IPython.core import page", {("ipython", True)}),
        ("def f():\n    return importlib.import_module('rocrate.model')", {("rocrate", False)}),
        ("m = optional('duckdb', 'duckdb', 'reading')", {("duckdb", True)}),
    ],
)
def test_an_import_beyond_the_base_is_seen(text, beyond):
    assert beyond_the_floor(text, []) == beyond


def test_a_floor_has_what_its_extra_includes():
    text = "import pydantic, yaml, jupyterlab"
    assert beyond_the_floor(text, ["pages"]) == {("pyyaml", True), ("jupyterlab", True)}
    assert beyond_the_floor(text, ["studies"]) == {("jupyterlab", True)}
    assert beyond_the_floor(text, ["all"]) == set()


def test_what_is_declared_is_imported():
    imported = {name for path in MODULES for name, _ in imports(path.read_text())}
    # `workbench explore` starts JupyterLab as a process; dask makes keys by cryptography.
    assert declared("all") - imported == {"cryptography", "jupyterlab"}


def test_what_tests_import_is_declared():
    own = OWN | {
        path.stem for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
    }
    own |= {"no_such", "lacking"}  # planted by tests
    # Makefile installs mup without its dependencies.
    has = declared("all", "test", "references", "peers", "cuda12", "cuda-compile") | {"mup"}
    imported = {name for path in TESTS for name, _ in imports(path.read_text(), own)}
    assert "pytest" in imported
    assert imported <= has


def test_all_has_every_extra_of_users_but_cuda():
    assert declared("all") == declared("pages", "lab", "studies", "dask", "serve", "crate")
    assert not [name for name in declared("all") if "cu" in name.split("-")[0]]


def test_environment_yml_agrees_with_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    (pip,) = [d["pip"] for d in environment["dependencies"] if not isinstance(d, str)]
    (extras,) = re.findall(r"^--editable \.\[(.*)\]$", *pip)
    names = [re.split(r"[ =<>]", d)[0] for d in environment["dependencies"] if isinstance(d, str)]
    # What conda-forge calls `duckdb` is the C++ library.
    listed = {canonicalize_name(name).replace("python-duckdb", "duckdb") for name in names}
    assert declared(*extras.split(",")) | {"python", "pip", "cupy"} == listed
    python = next(d for d in environment["dependencies"] if str(d).startswith("python"))
    assert PROJECT["requires-python"].replace(" ", "") in python.replace(" ", "")


def test_an_optional_package_that_is_missing_is_named():
    assert optional("json.decoder", "json", "this").JSONDecoder
    with pytest.raises(ModuleNotFoundError, match="^this needs the package no-such, .*no-such$"):
        optional("no_such.part", "no-such", "this")


def test_what_an_optional_package_lacks_is_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "lacking.py").write_text("import no_such")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such'"):
        optional("lacking", "lacking", "this")
