"""Nothing in the current folder stands in for what is installed; kernels speak to nobody else."""

import hashlib
import json
import subprocess
import sys

import pytest
import stranger
import toy_notebooks

from workbench.runs.kernels import isolation

pytestmark = pytest.mark.notebook

# What Python, Jupyter and the workbench load on the way to a cell, and a cell itself.
NAMES = (
    *("widgets", "papermill", "ipykernel_launcher", "ipykernel", "IPython", "zmq", "tornado"),
    *(
        "json",
        "numpy",
        "click",
        "psutil",
        "multiprocessing",
        "socket",
        "comm",
        "nbformat",
        "duckdb",
    ),
    *("jupyter_client", "jupyter_core", "distributed", "plotly", "traitlets", "kernel_template"),
)
CELL = """
import json, numpy, widgets, workbench, helper, package.part
assert numpy.ones(3).sum() == 3 and json.loads("3") == 3
print(helper.value, package.part.value)
"""


@pytest.fixture
def planted(tmp_path):
    """A folder whose modules say that they were loaded, beside those that a notebook means."""
    for name in (*NAMES, "workbench/__init__", "workbench/cli", "voila/__init__"):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"open({str(tmp_path / 'loaded.txt')!r}, 'a').write({name!r})")
    (tmp_path / "helper.py").write_text("value = 'my own'")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "part.py").write_text("value = 'my part'")
    toy_notebooks.notebook(tmp_path / "own.ipynb", CELL)
    yield tmp_path
    assert not (tmp_path / "loaded.txt").exists(), (tmp_path / "loaded.txt").read_text()


def done(folder, *words, start=("-P",)):
    """The records of what the command ran in the folder."""
    ran = subprocess.run(
        [sys.executable, *start, "-m", "workbench", *words],
        cwd=folder,
        env=toy_notebooks.environment(PYTHONPATH=str(toy_notebooks.ROOT)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(path.read_text()) for path in folder.rglob("record.json")]


def test_a_run_takes_what_is_installed_and_the_helper_beside_it(planted):
    (record,) = done(planted, "run", "own.ipynb")
    assert record["state"] == "done"
    own = {"helper.py", "package/part.py"}
    assert record["provenance"]["modules"] == {
        name: hashlib.sha256((planted / name).read_bytes()).hexdigest() for name in own
    }
    text = next((planted / "reports").rglob("notebook.ipynb")).read_text()
    assert "my own my part" in text


@pytest.mark.parametrize("how", [("--jobs", "2"), ("--dask", "local")], ids=["workers", "dask"])
def test_a_sweep_does_as_well(planted, how):
    if "--dask" in how:
        pytest.importorskip("distributed")
    records = done(planted, "sweep", "own.ipynb", "--x", "1,2", "--out", "study", *how)
    assert [r["state"] for r in records] == ["done", "done"]


def test_python_m_looks_last_in_the_current_folder(planted):
    """But for the package's own name, which Python itself takes from there."""
    for path in (planted / "workbench").iterdir():
        path.unlink()
    (planted / "workbench").rmdir()
    (planted / "socket.py").unlink()
    # As installed: with a variable for the checkout, the current folder would come first anyway.
    (record,) = done(planted, "run", "own.ipynb", start=())
    assert record["state"] == "done"


def test_a_program_that_a_cell_starts_finds_what_lies_beside_it(tmp_path):
    """What is closed to kernels is open to what cells start, as ever."""
    (tmp_path / "helper.py").write_text("value = 'my own'")
    (tmp_path / "program.py").write_text("import helper\nprint(helper.value)")
    cell = "import subprocess, sys\nassert 'my own' in subprocess.check_output("
    cell += "[sys.executable, 'program.py'], text=True)"
    toy_notebooks.notebook(tmp_path / "own.ipynb", cell)
    for words in (["run", "own.ipynb"], ["sweep", "own.ipynb", "--x", "1", "--out", "study"]):
        assert done(tmp_path, *words)[0]["state"] == "done"


def test_kernels_of_other_programs_are_started_as_they_say():
    other = ["/bin/sh", "-m", "ipykernel_launcher"]
    assert isolation.isolated_command(other) == other
    assert isolation.isolated_command([sys.executable, "-m", "bash_kernel"])[1:] == [
        "-P",
        "-m",
        "bash_kernel",
    ]


# Listens to everything that a kernel publishes.
LISTENER = """
socket = zmq.Context().socket(zmq.SUB)
socket.subscribe(b"")
socket.connect(sys.argv[1])
print("heard" if socket.poll(5000) and socket.recv_multipart() else "nothing")
"""


# Starts a kernel of a kind, lets it print for half a minute, and hears the first word of it.
OWNER = """
import asyncio, sys
from importlib import import_module

async def main(module, name):
    manager = getattr(import_module(module), name)()
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    asked = client.execute("import time\\nfor i in range(300): print(i); time.sleep(0.1)")
    while (await client.get_iopub_msg(timeout=30))["parent_header"].get("msg_id") != asked:
        pass
    print(manager.iopub_port, flush=True)
    sys.stdin.read()
    client.stop_channels()
    await manager.shutdown_kernel(now=True)

asyncio.run(main(*sys.argv[1:]))
"""
KINDS = {
    "jupyter_client.manager AsyncKernelManager": "heard",
    "workbench.runs.kernels.kernel _ThisPython": "nothing",
    "workbench.live.server_kernel ServerKernel": "nothing",
}


@pytest.mark.parametrize(("kind", "heard"), KINDS.items())
def test_another_user_hears_nothing_of_a_kernel(kind, heard):
    """But of one that jupyter_client starts by itself, which proves that the other would hear."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, *kind.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = f"tcp://127.0.0.1:{int(owner.stdout.readline())}"
        loaded = "import sys, zmq\nzmq.Context().socket(zmq.SUB).poll(0)"
        assert stranger.answer(loaded, LISTENER, address) == heard
    finally:
        owner.communicate("", timeout=60)
    assert owner.returncode == 0
