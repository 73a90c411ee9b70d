"""What holds for every experiment, notebook and module; all are found by globbing."""

import ast
import json
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import nbformat
import pytest

from workbench.experiment import contract
from workbench.experiment.claims import declared
from workbench.runs.find import experiments

ROOT = Path(__file__).parents[2]
EXPERIMENTS = experiments()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*/*.ipynb"))
MODULES = sorted(p for folder in ("workbench", "widgets") for p in (ROOT / folder).rglob("*.py"))
SECTIONS = ["title", "question", "parameters", "setup", "theory", "claims", "caveats", "references"]

each_experiment = pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def dotted(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def code_cells(notebook):
    return [c for c in notebook.cells if c.cell_type == "code"]


def test_there_are_experiments():
    assert len(EXPERIMENTS) >= 2


@each_experiment
def test_the_triple_is_complete(experiment):
    assert experiment.notebook.is_file()
    assert experiment.title.endswith("?")


def test_no_notebook_stands_alone():
    assert sorted(e.notebook for e in EXPERIMENTS) == NOTEBOOKS


@each_experiment
def test_the_parameters_cell_is_the_model_s(experiment):
    found = list(contract.parameters_cell(experiment.module(), experiment.notebook))
    assert not found, "\n".join(found)


@each_experiment
def test_an_experiment_offers_what_runs_need(experiment):
    module = experiment.module()
    assert all(hasattr(module, name) for name in ("Params", "run"))
    assert declared(module)


@each_notebook
def test_notebooks_are_stripped_and_in_order(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    for cell in code_cells(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
    ids = [c.id for c in notebook.cells]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", i) for i in ids)
    assert [i for i in ids if i in SECTIONS] == SECTIONS
    assert ids[:4] == ["title", "question", "parameters", "setup"]


@each_notebook
def test_notebooks_hold_prose_and_no_logic(path):
    notebook = nbformat.read(path, 4)
    code = [c for c in code_cells(notebook) if c.id != "parameters"]
    assigned = {}
    for cell in code:
        lines = cell.source.splitlines()
        assert len(lines) <= 12, cell.id
        tree = ast.parse(cell.source)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert node.name == "draw"
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert cell.id == "setup"
            for name in [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]:
                assert assigned.setdefault(name, cell.id) == cell.id, f"{name} is assigned twice"
    words = sum(len(c.source.split()) for c in notebook.cells if c.cell_type == "markdown")
    assert words >= 4 * sum(len(c.source.splitlines()) for c in code)


LIGHT = ("plotly", "papermill", "ipywidgets", "pydantic", "cupy", "sklearn", "scipy.stats")


def loaded_by(module, names):
    """Which of the names a fresh interpreter has loaded after importing the module."""
    code = f"import sys, {module}; print(*[n for n in {names!r} if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.split()


# A family is what has experiments; its primitives stand in a package of the same name.
FAMILIES = {path.parent.name for path in (ROOT / "workbench/experiments").glob("*/__init__.py")}
PRIMITIVES = [p for p in MODULES if p.relative_to(ROOT).parts[1] in FAMILIES]


# Imports one module after another and names the first that loads one of the libraries.
IMPORTS = """
import importlib, json, sys
modules, libraries = json.load(sys.stdin)
for module in modules:
    importlib.import_module(module)
    if loaded := [name for name in libraries if name in sys.modules]:
        sys.exit(f"{module} loads {', '.join(loaded)}")
"""


def refused_by_imports(modules, libraries):
    """What is said of the first module that loads one of the libraries; empty if none does."""
    told = json.dumps([list(modules), list(libraries)])
    command = [sys.executable, "-c", IMPORTS]
    return subprocess.run(command, input=told, capture_output=True, text=True).stderr.strip()


def test_primitives_import_light():
    assert refused_by_imports(map(dotted, PRIMITIVES), LIGHT) == ""


def test_a_heavy_import_is_named():
    modules = ["workbench.base.array", "workbench.experiment.params"]
    assert refused_by_imports(modules, LIGHT) == "workbench.experiment.params loads pydantic"


@pytest.mark.parametrize(
    "module",
    ["workbench.experiment.params", "workbench.experiment.decisions", "workbench.base.array"],
)
def test_the_ground_floor_imports_light(module):
    heavy = [n for n in LIGHT if n != "pydantic"] + ["scipy", "numba"]
    assert loaded_by(module, heavy) == []


def test_the_command_line_imports_light():
    assert loaded_by("workbench.cli.cli", [*LIGHT, "numpy", "nbformat", "nbconvert"]) == []


def told_floors():
    """By package or file, the floor that the table "The house" of CONTRIBUTING.md gives it.

    Its `workbench/FAMILY` stands for the primitives of each family.
    """
    rows = re.findall(r"^\| (\d) \| (.*?) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    families = [name for name in FAMILIES if (ROOT / "workbench" / name).is_dir()]
    return {
        each.removesuffix(".py").replace("/", "."): int(level)
        for level, paths in rows
        for path in re.findall(r"`(.*?)`", paths)
        for each in (
            [f"workbench/{name}" for name in families] if path == "workbench/FAMILY" else [path]
        )
    }


FLOORS = told_floors()


def part(module):
    """The package that a module stands in; a file beside the packages is its own part."""
    return "widgets" if module.startswith("widgets") else ".".join(module.split(".")[:2])


def is_file(part):
    return ROOT.joinpath(*part.split(".")).with_suffix(".py").is_file()


def imported(path):
    """The modules of this house that a file imports, at once or when a function is called."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides where it leads"
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        else:
            continue
        # `workbench` itself holds one sentence.
        yield from (n for n in names if re.match(r"workbench\.|widgets\b", n))


def test_every_part_has_its_floor():
    parts = {part(dotted(path)) for path in MODULES} - {"workbench"}
    assert set(FLOORS) == parts
    assert set(FLOORS.values()) == set(range(max(FLOORS.values()) + 1))


def circle(imports):
    """Modules that import each other in a ring, each one the next; empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_module_imports_itself_by_a_detour():
    """Imports inside functions and for type checkers count like all others."""
    names = set(map(dotted, MODULES))
    imports = {dotted(path): {*imported(path)} & names - {dotted(path)} for path in MODULES}
    assert sum(map(len, imports.values())) > len(MODULES)
    assert circle(imports) == []


def test_a_circle_is_seen(tmp_path):
    """Also where one of its imports stands inside a function."""
    texts = {
        "workbench.a": "from workbench.b import x",
        "workbench.b": "def f():\n    from workbench import c",
        "workbench.c": "import workbench.a",
    }
    imports = {}
    for name, text in texts.items():
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        imports[name] = {*imported(path)} & set(texts)
    assert set(circle(imports)) == set(texts)
    del imports["workbench.b"]
    assert circle(imports) == []


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_run_downward(path):
    """To a lower floor, or within a package: packages of one floor stand side by side."""
    here = part(dotted(path))
    if here == "workbench":
        # The door for users' notebooks, which must stay light.
        assert {part(target) for target in imported(path)} == {"workbench.base"}
        return
    for target in imported(path):
        there = part(target)
        if there == here:
            continue
        assert FLOORS[there] <= FLOORS[here], f"{dotted(path)} imports {target}, a floor above"
        if FLOORS[there] == FLOORS[here]:
            assert is_file(here), f"{dotted(path)} imports {target}, which stands beside it"
            assert is_file(there), f"{dotted(path)} imports {target}, which stands beside it"


# Libraries that are slow to load, or that not everybody has: each is known to one package, DuckDB
# to the one that reads users' tables and the one that writes the index of the records.
HOMES = {
    ("papermill", "workbench.runs"),
    ("nbclient", "workbench.runs"),
    ("nbconvert", "workbench.pages"),
    ("duckdb", "workbench.tables"),
    ("duckdb", "workbench.records"),
    ("distributed", "workbench.studies"),
    ("voila", "workbench.live"),
    ("ipywidgets", "widgets"),
}


def test_some_libraries_have_a_home():
    found = {
        (library, part(dotted(path)))
        for path in MODULES
        for library in re.findall(
            r"(?:^ *(?:from|import) |optional\(\")(\w+)", path.read_text(), re.M
        )
        if library in {name for name, _ in HOMES}
    }
    assert found == HOMES


# Calls that write to a path that is given to them, whatever stands or leads there.
WRITERS = {"write_text", "write_bytes", "touch", "savez", "savez_compressed", "savetxt", "tofile"}
WRITERS |= {
    "to_csv",
    "to_parquet",
    "write_html",
    "write_image",
    "copy2",
    "copyfile",
    "copytree",
    "symlink_to",
}
# Of these modules, since others have methods of the same name.
WRITERS_OF = {"nbformat": {"write"}, "np": {"save"}, "shutil": {"copy", "move"}}
# A process's own file in /proc, and a database in the user's own cache folder.
NO_FILES = {("workbench.runs.processes", "write_text"), ("workbench.records.cache", "connect")}


def written(source):
    """The calls in a file that write to a path by other means than `workbench.base.files.atomic`.

    A file that is opened by "x" is new or an error, so that this is no such means.
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        of = getattr(getattr(node.func, "value", None), "id", "")
        texts = [a.value for a in [*node.args, *(k.value for k in node.keywords)]
                 if isinstance(a, ast.Constant) and isinstance(a.value, str)]  # fmt: skip
        is_mode = any(re.fullmatch("[rwa+bt]{1,4}", t) and set(t) & set("wa+") for t in texts)
        flags = ast.unparse(node) if (of, name) == ("os", "open") else ""
        if (
            (name in ("open", "fdopen", "TextIOWrapper") and is_mode)
            or (name in WRITERS and isinstance(node.func, ast.Attribute))
            or name in WRITERS_OF.get(of, ())
            or re.search("O_(WRONLY|RDWR|CREAT|APPEND|TRUNC)", flags)
            or ((of, name) == ("sqlite3", "connect") and ":memory:" not in texts)
        ):
            yield name


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_files_are_written_by_one_means(path):
    """Beside their names and renamed: a link at a file's place is replaced and never followed."""
    module = dotted(path)
    if module != "workbench.base.files.atomic":
        assert {(module, name) for name in written(path.read_text())} <= NO_FILES


@pytest.mark.parametrize(
    "source",
    ["open(p, 'w')", "open(p, mode='ab')", "p.open('w+', encoding='utf-8')", "p.write_text(t)"]
    + ["p.write_bytes(b)", "nbformat.write(n, p)", "os.open(p, os.O_WRONLY | os.O_CREAT)"]
    + ["shutil.copy(a, p)", "np.save(p, x)", "sqlite3.connect(p)", "p.open('r+b')"],
)
def test_another_means_of_writing_is_seen(source):
    assert list(written(source))


@pytest.mark.parametrize(
    "source", ["write_text(p, t)", "open(p)", "p.open('rb')", "p.open('xb')", "file.write(t)"]
)
def test_what_is_no_other_means(source):
    assert not list(written(source))


def test_no_file_names_one_machine():
    for path in [*MODULES, *NOTEBOOKS, *(ROOT / "tests").rglob("*.py"), ROOT / "README.md"]:
        assert not re.search(r"(?<![\w.$}])/(root|home/\w+|work|tmp)/\w", path.read_text()), path


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_files_stay_small(path):
    assert len(path.read_text().splitlines()) <= 300, "find the cut that splits it"
