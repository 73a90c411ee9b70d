"""A server of one panel, and what its tests share."""

import contextlib
import http.cookiejar
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import toy_notebooks

PATIENCE = 90
# Voila with less patience than a user's.
SERVER = """
import sys
from workbench.live import voila_server
voila_server.PATIENCE_SECONDS, voila_server.CHECK_SECONDS = int(sys.argv[1]), 1
voila_server.main(*sys.argv[2:], "--no-browser")
"""
PANEL = """
import ipywidgets, helper, pathlib, time
with pathlib.Path("kernels.txt").open("a") as file:
    file.write(f"{__import__('os').getpid()}\\n")
ipywidgets.HTML(f"a panel {helper.value}")
"""


def free_port():
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
        self.root = f"http://127.0.0.1:{port}/"
        self.url = f"{self.root}?token={token}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(cookies)
        wait(lambda: self.url in self.log.read_text(), self.log)

    def load(self, seconds=PATIENCE):
        """The status of the page and its text."""
        return response(self.browser.open, self.url, timeout=seconds)

    def kernel_id(self, page):
        return re.search(r'"kernelId": ?"([0-9a-f-]{36})"', page).group(1)

    def kernels(self):
        """The kernels that have begun, as far as they are there."""
        with contextlib.suppress(FileNotFoundError):
            numbers = map(int, (self.folder / "kernels.txt").read_text().split())
            return [n for n in numbers if psutil.pid_exists(n)]
        return []


def response(open_url, *request, **more):
    """The status and the text of a response."""
    try:
        with open_url(*request, **more) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait(holds, log, seconds=PATIENCE):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


LEAVES_A_PROCESS = """
import subprocess, sys
child = [sys.executable, "-c", "input()"]
subprocess.Popen(child, stdin=subprocess.PIPE, start_new_session=True)
"""
