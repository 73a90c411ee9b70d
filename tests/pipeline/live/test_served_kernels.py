"""Kernels behind a served panel: as many as there are pages, closed to others, ended with them."""

import contextlib
import json
import os
import re
import signal
import threading
import time
import urllib.error
import urllib.request

import psutil
import pytest
import stranger
from browser import chromium
from served import LEAVES_A_PROCESS, PANEL, PATIENCE, Served, response, wait

pytest.importorskip("voila")
pytestmark = pytest.mark.notebook


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
    assert "All 2 pages are open for which this server has kernels." in text
    assert '<meta http-equiv="refresh" content="5">' in text, "it loads as soon as one is free"
    assert len(server.kernels()) == 2
    wait(lambda: not server.kernels(), server.log)
    assert server.load()[0] == 200, "there is room again"
    counts = re.findall(r"pages with a kernel: (\d) of 2", server.log.read_text())
    assert counts == ["1", "2", "1", "0", "1"]


def test_a_page_that_is_loaded_again_takes_the_place_of_its_kernel(served):
    """Browsers send Voila's beacon before the request, with cookies and without a header."""
    server = served(60, 1)
    _, text = server.load()
    (kernel,) = server.kernels()
    beacon = f"{server.root}voila/api/shutdown/{server.kernel_id(text)}"
    assert response(urllib.request.urlopen, beacon, data=b"", timeout=PATIENCE)[0] == 403
    assert server.kernels() == [kernel], "a stranger's beacon does nothing"
    ended = threading.Thread(target=response, args=(server.browser.open, beacon, b"", PATIENCE))
    ended.start()
    time.sleep(0.05)
    assert server.load()[0] == 200
    ended.join()
    assert kernel not in server.kernels()
    assert len(server.kernels()) == 1


def test_a_kernel_that_dies_is_removed_with_what_it_has_started(served):
    server = served(60, 1, panel=LEAVES_A_PROCESS + PANEL)
    _, text = server.load()
    (kernel,) = map(psutil.Process, server.kernels())
    family = [kernel, *kernel.children()]
    assert len(family) == 2
    kernel.kill()
    assert psutil.wait_procs(family, timeout=30)[1] == []
    wait(lambda: "pages with a kernel: 0 of 1" in server.log.read_text(), server.log)
    assert "the kernel of a page has died" in server.log.read_text()
    answer = f"{server.root}api/kernels/{server.kernel_id(text)}"
    assert response(server.browser.open, answer, timeout=PATIENCE)[0] == 404
    assert server.load()[0] == 200, "there is room again"


@pytest.mark.browser
def test_a_page_says_that_its_kernel_or_the_server_has_ended(served):
    server = served(60, 1)
    with chromium() as browser:
        for victim in ("kernel", "server"):
            page = browser.new_page()
            page.goto(server.url, timeout=120_000)
            page.get_by_text("a panel of my own").wait_for(timeout=120_000)
            assert page.get_by_role("alert").count() == 0
            pid = server.kernels()[-1] if victim == "kernel" else server.process.pid
            os.kill(pid, signal.SIGKILL)
            page.get_by_role("alert").get_by_text(f"The {victim} of this page").wait_for()


@pytest.mark.browser
def test_a_page_reloaded_in_a_browser_has_a_kernel_at_once(served):
    server = served(60, 1)
    with chromium() as browser:
        page = browser.new_page()
        page.goto(server.url, timeout=120_000)
        for _ in range(2):
            page.get_by_text("a panel of my own").wait_for(timeout=120_000)
            assert page.reload(timeout=120_000).status == 200


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
    server = served(8, 1)
    with chromium() as browser:
        page = browser.new_page()
        page.goto(server.url, timeout=120_000)
        page.get_by_text("a panel of my own").wait_for(timeout=120_000)
        (kernel,) = server.kernels()
        time.sleep(12)
        assert server.kernels() == [kernel]
        page.close()
        wait(lambda: not server.kernels(), server.log, 30)


CONNECT = """
sockets, poller = {}, zmq.Poller()
for name, port in json.loads(sys.argv[1]).items():
    kind = {"iopub": zmq.SUB, "hb": zmq.REQ}.get(name, zmq.DEALER)
    socket = zmq.Context.instance().socket(kind)
    if sys.argv[2]:
        socket.curve_serverkey = sys.argv[2].encode()
        socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
    socket.connect(f"tcp://127.0.0.1:{port}")
    socket.subscribe(b"") if kind == zmq.SUB else socket.send(b"ping")
    sockets[socket] = name
    poller.register(socket, zmq.POLLIN)
time.sleep(5)
print(*sorted(sockets[socket] for socket, _ in poller.poll(0)))
zmq.Context.instance().destroy(linger=0)
"""


def test_another_user_hears_nothing_of_a_served_kernel(served):
    server = served(60, 1, panel=PANEL + "\nfor i in range(300): print(i); time.sleep(0.1)")
    loading = threading.Thread(target=server.load)
    loading.start()
    wait(lambda: server.kernels(), server.log)
    (path,) = server.runtime.rglob("kernel-*.json")
    info = json.loads(path.read_text())
    assert path.stat().st_mode & 0o077 == 0
    imports = "import json, sys, time, zmq\nzmq.Context().socket(zmq.SUB).poll(0)"
    names = ("hb", "shell", "control", "stdin", "iopub")
    ports = json.dumps({name: info[f"{name}_port"] for name in names})
    assert stranger.answer(imports, CONNECT, ports, "") == ""
    # The control: with the server's key, which only this user can read, they answer.
    assert stranger.answer(imports, CONNECT, ports, info["curve_publickey"]) == "hb iopub"
    loading.join()
