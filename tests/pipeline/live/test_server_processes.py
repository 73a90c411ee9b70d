"""What a server leaves when it ends, and what it refuses before it begins."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
import toy_notebooks
from served import LEAVES_A_PROCESS, PANEL, PATIENCE, free_port, response, wait

pytest.importorskip("voila")
pytestmark = pytest.mark.notebook


def test_a_port_in_use_is_refused_at_once(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        words = ["serve", "scaling/isoflop", "--port", port, "--no-browser"]
        with toy_notebooks.command(*words, cwd=tmp_path) as process:
            out, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (2, "")
    assert error.startswith("`port` must be one on which a server may listen")
    assert error.endswith(f"; got {port}\n")


@pytest.mark.parametrize("seconds", [0.0, 1.0, 8.0])
def test_ctrl_c_leaves_nothing_and_shows_no_traceback(tmp_path, seconds):
    """As from a terminal, to the command and to all in its process group."""
    runtime = tmp_path / "runtime"
    words = ["serve", "scaling/isoflop", "--port", free_port(), "--no-browser"]
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", *map(str, words)],
        cwd=tmp_path,
        env=toy_notebooks.environment(JUPYTER_RUNTIME_DIR=str(runtime)),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait(lambda: list(runtime.glob("*/serve-*")), Path(os.devnull))
        time.sleep(seconds)
        family = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=PATIENCE)
        assert error.replace("Aborted!\n", "") == ""
        assert psutil.wait_procs(family, timeout=30)[1] == []
        wait(lambda: not list(runtime.iterdir()), Path(os.devnull), 10)
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_what_a_killed_server_leaves(tmp_path):
    """By the command: no process, and no file of it."""
    panel = toy_notebooks.code(LEAVES_A_PROCESS + PANEL, "panel", "panel")
    toy_notebooks.notebook(tmp_path / "own.ipynb", panel)
    (tmp_path / "helper.py").write_text("value = 'of my own'")
    runtime = tmp_path / "runtime"
    for victim in ("command", "server"):
        port = free_port()
        words = ["serve", "own.ipynb", "--port", port, "--no-browser", "--kernels", "1"]
        process = toy_notebooks.command(*words, cwd=tmp_path, JUPYTER_RUNTIME_DIR=str(runtime))
        try:
            url = process.stdout.readline().strip()
            assert process.stdout.readline().startswith("at most 1 open pages")
            assert response(urllib.request.urlopen, url, timeout=PATIENCE)[0] == 200
            family = psutil.Process(process.pid).children(recursive=True)
            assert len([p for p in family if "ipykernel_launcher" in " ".join(p.cmdline())]) == 1
            (server,) = [p for p in family if "voila_server" in " ".join(p.cmdline())]
            process.kill() if victim == "command" else server.kill()
            assert psutil.wait_procs(family, timeout=30)[1] == []
            process.wait(PATIENCE)
            wait(lambda: not list(runtime.iterdir()), Path(os.devnull), 10)
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)


def test_kernels_of_explored_runs_are_such_kernels(tmp_path):
    """JupyterLab's, too: encrypted, apart from their folder, and ended with the command."""
    pytest.importorskip("jupyterlab")
    toy_notebooks.notebook(tmp_path / "own.ipynb", "x")
    with toy_notebooks.command("run", "own.ipynb", cwd=tmp_path) as run:
        out, _ = run.communicate(timeout=PATIENCE)
    folder = Path(out.split(": ")[-1]).parent
    folder_of_run = tmp_path / folder
    runtime = tmp_path / "runtime"
    home = {"JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    (tmp_path / "private.txt").write_text("unchanged")
    (folder_of_run / ".ipynb_checkpoints").mkdir()
    link = folder_of_run / ".ipynb_checkpoints" / "explore-checkpoint.ipynb"
    link.symlink_to(tmp_path / "private.txt")
    for name in ("voila", "jupyter_server_config", "jupyter_lab_config", "ipython_kernel_config"):
        planted = f"open({str(tmp_path / 'executed')!r}, 'w')\n"
        (tmp_path / f"{name}.py").write_text(planted)
    words = ["explore", folder, "--no-browser"]
    process = toy_notebooks.command(*words, cwd=tmp_path, **home)
    try:
        wait(lambda: list(runtime.rglob("jpserver-*.json")), Path(os.devnull))
        (info,) = [json.loads(p.read_text()) for p in runtime.rglob("jpserver-*.json")]
        asked = urllib.request.Request(
            f"{info['url']}api/kernels",
            data=b'{"name": "python3", "path": ""}',
            headers={"Authorization": f"token {info['token']}"},
        )
        urllib.request.urlopen(asked, timeout=PATIENCE).close()
        (path,) = runtime.rglob("kernel-*.json")
        assert "curve_secretkey" in json.loads(path.read_text())
        family = psutil.Process(process.pid).children(recursive=True)
        (kernel,) = [p for p in family if "ipykernel_launcher" in " ".join(p.cmdline())]
        assert kernel.cmdline()[1] == "-P"
        assert kernel.cwd() == str(tmp_path / folder)
        assert not (tmp_path / "executed").exists()
        checkpoints = f"{info['url']}api/contents/explore.ipynb/checkpoints"
        saved = urllib.request.Request(checkpoints, data=b"", headers=asked.headers)
        assert response(urllib.request.urlopen, saved, timeout=PATIENCE)[0] == 201
        assert (tmp_path / "private.txt").read_text() == "unchanged"
        assert list(runtime.rglob("explore-checkpoint.ipynb"))
        process.kill()
        assert psutil.wait_procs(family, timeout=30)[1] == []
        wait(lambda: not list(runtime.iterdir()), Path(os.devnull), 10)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
