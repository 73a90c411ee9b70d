"""Kernels behind a served panel: as many as there are pages, closed to others, ended with them."""

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
import stranger
import toy_notebooks
from browser import chromium

pytest.importorskip("voila")
pytestmark = pytest.mark.notebook

PATIENCE = 90
# Voila with less patience than a user's.
SERVER = """
import sys
from workbench.live import voila_server
voila_server.PATIENCE_SECONDS, voila_server.LOOK_SECONDS = int(sys.argv[1]), 1
voila_server.main(*sys.argv[2:], "--no-browser")
"""
PANEL = """
import ipywidgets, helper, pathlib, time
with pathlib.Path("kernels.txt").open("a") as file:
    file.write(f"{__import__('os').getpid()}\\n")
ipywidgets.HTML(f"a panel {helper.value}")
"""


def free_port():
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Served:
    """A server of one panel, in a folder of its own; `load` fetches its page as a browser would."""

    def __init__(self, folder, patience, kernels, panel=PANEL):
        self.folder = folder
        (folder / "helper.py").write_text("value = 'of my own'")
        (folder / "voila.json").write_text('{"VoilaConfiguration": {"template": "no-such"}}')
        (folder / "voila.py").write_text("raise SystemExit('the planted one')")
        place = folder / "served"
        place.mkdir()
        path = toy_notebooks.notebook(place / "own.ipynb", panel)
        port, token = free_port(), secrets.token_hex(8)
        templates = toy_notebooks.ROOT / "workbench" / "live" / "serve_template"
        self.runtime = folder / "runtime"
        environment = toy_notebooks.environment(
            WORKBENCH_SERVE_TOKEN=token,
            JUPYTER_PATH=str(templates),
            JUPYTER_RUNTIME_DIR=str(self.runtime),
        )
        self.log = folder / "log.txt"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", SERVER]
                + [str(patience), str(path), str(port), str(kernels)],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.url = f"http://127.0.0.1:{port}/?token={token}"
        wait(lambda: answers(f"http://127.0.0.1:{port}/"), self.log)

    def load(self, seconds=PATIENCE):
        """The status of the page and its text."""
        try:
            with urllib.request.urlopen(self.url, timeout=seconds) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def kernels(self):
        """The kernels that have begun, as far as they are there."""
        with contextlib.suppress(FileNotFoundError):
            numbers = map(int, (self.folder / "kernels.txt").read_text().split())
            return [n for n in numbers if psutil.pid_exists(n)]
        return []


def answers(url):
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def wait(holds, log, seconds=PATIENCE):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


@pytest.fixture
def served(tmp_path):
    """Starts servers, and ends them."""
    begun = []

    def start(*words, **more):
        begun.append(Served(tmp_path, *words, **more))
        return begun[-1]

    yield start
    for server in begun:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(PATIENCE)
        finally:
            server.process.kill()


def test_kernels_whose_page_is_gone_end_and_are_counted(served):
    server = served(6, 2)
    for _ in range(2):
        status, text = server.load()
        assert (status, "a panel of my own" in text) == (200, True)
    status, text = server.load()
    assert status == 503
    sentence = "as many pages are open as there may be (2). Close one, and load it again."
    assert sentence in re.sub(r"\s+", " ", text)
    assert len(server.kernels()) == 2
    wait(lambda: not server.kernels(), server.log)
    assert server.load()[0] == 200, "there is room again"
    told = re.findall(r"pages with a kernel: (\d) of 2", server.log.read_text())
    assert told == ["1", "2", "1", "0", "1"]


def test_a_page_that_is_left_while_a_cell_runs_ends_its_kernel_too(served):
    slow = PANEL.replace("ipywidgets.HTML", "time.sleep(600)\nipywidgets.HTML")
    server = served(3, 1, panel=slow)
    with contextlib.suppress(TimeoutError):
        server.load(seconds=8)
    wait(lambda: server.kernels() or (server.folder / "kernels.txt").exists(), server.log)
    wait(lambda: not server.kernels(), server.log, 30)


def test_a_page_that_loads_for_long_has_its_kernel(served):
    slow = PANEL.replace("ipywidgets.HTML", "time.sleep(12)\nipywidgets.HTML")
    status, text = served(2, 1, panel=slow).load()
    assert (status, "a panel of my own" in text) == (200, True)


@pytest.mark.browser
def test_a_page_that_is_open_has_its_kernel_until_it_is_closed(served):
    server = served(3, 1)
    with chromium() as browser:
        page = browser.new_page()
        page.goto(server.url, timeout=120_000)
        page.get_by_text("a panel of my own").wait_for(timeout=120_000)
        (kernel,) = server.kernels()
        time.sleep(12)
        assert server.kernels() == [kernel]
        page.close()
        wait(lambda: not server.kernels(), server.log, 30)


def test_another_user_hears_nothing_of_a_served_kernel(served):
    server = served(60, 1, panel=PANEL + "\nfor i in range(150): print(i); time.sleep(0.1)")
    loading = threading.Thread(target=server.load)
    loading.start()
    wait(lambda: server.kernels(), server.log)
    (path,) = server.runtime.rglob("kernel-*.json")
    info = json.loads(path.read_text())
    assert path.stat().st_mode & 0o077 == 0
    imports = "import sys, zmq\nzmq.Context().socket(zmq.SUB).poll(0)"
    listen = """
socket = zmq.Context().socket(zmq.SUB)
if sys.argv[2]:
    socket.curve_serverkey = sys.argv[2].encode()
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
socket.subscribe(b"")
socket.connect(sys.argv[1])
print("heard" if socket.poll(5000) else "nothing")
"""
    address = f"tcp://127.0.0.1:{info['iopub_port']}"
    assert stranger.answer(imports, listen, address, "") == "nothing"
    assert stranger.answer(imports, listen, address, info["curve_publickey"]) == "heard"
    loading.join()


def test_what_a_killed_server_leaves(tmp_path):
    """By the command: no process, and no file of it."""
    left = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'input()'], "
    left += "stdin=subprocess.PIPE, start_new_session=True)\n"
    panel = toy_notebooks.code(left + PANEL, "panel", "panel")
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
            wait(lambda url=url: answers(url), Path(os.devnull))
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
    runtime = tmp_path / "runtime"
    home = {"JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    (tmp_path / "config").mkdir()
    root = '{"ServerApp": {"allow_root": true}}'
    (tmp_path / "config" / "jupyter_server_config.json").write_text(root)
    words = ["explore", folder, "--no-browser"]
    process = toy_notebooks.command(*words, cwd=tmp_path, **home)
    try:
        wait(lambda: list(runtime.rglob("jpserver-*.json")), Path(os.devnull))
        (info,) = [json.loads(p.read_text()) for p in runtime.rglob("jpserver-*.json")]
        asked = urllib.request.Request(
            f"{info['url']}api/kernels",
            data=b'{"name": "python3"}',
            headers={"Authorization": f"token {info['token']}"},
        )
        urllib.request.urlopen(asked, timeout=PATIENCE).close()
        (path,) = runtime.rglob("kernel-*.json")
        assert "curve_secretkey" in json.loads(path.read_text())
        family = psutil.Process(process.pid).children(recursive=True)
        (kernel,) = [p for p in family if "ipykernel_launcher" in " ".join(p.cmdline())]
        assert kernel.cmdline()[1] == "-P"
        process.kill()
        assert psutil.wait_procs(family, timeout=30)[1] == []
        wait(lambda: not list(runtime.iterdir()), Path(os.devnull), 10)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
