"""Headless Chromium and a running JupyterLab, for the tests that look at what a reader sees."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "screenshots"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
PATIENCE = 60_000
# A notebook's own run, which on a busy machine takes minutes.
RUN_PATIENCE = 300_000
NARROW = 700
RAN = """() => [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')]
    .every(prompt => /\\[\\d+\\]/.test(prompt.textContent))"""
PLOT = ".js-plotly-plot"
DATA = """plot => JSON.stringify(plot._fullData.map(trace =>
    [trace.x, trace.y, trace.z].map(v => v && Array.from(v.flat ? v.flat() : v))))"""


class Server(NamedTuple):
    """A running JupyterLab: where it answers, and what opens it."""

    url: str
    token: str


@contextlib.contextmanager
def chromium():
    """A headless Chromium: CHROMIUM's, or the distribution's."""
    program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(program).exists():
        pytest.skip(f"needs Chromium at {program} (CHROMIUM names another)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def lab(folder, home):
    """A JupyterLab that serves `folder`, keeps its settings in `home`, and surely ends.

    It answers on the loopback address alone, to whoever has its random token.
    """
    token = secrets.token_hex(16)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = Path(home) / "lab.log"
    command = [sys.executable, "-m", "jupyterlab", "--config", _settings(home, folder, port, token)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(home),
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", token)
            _wait(server, process, log)
            yield server
        finally:
            _end(process)


class Visit:
    """A page in JupyterLab and everything that went wrong or out while it was open."""

    def __init__(self, browser, server, width=1280, height=1700):
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.page.set_default_timeout(PATIENCE)
        self.server, self.left, self.errors = server, [], []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.route("**/*", self._admit)

    def _admit(self, route):
        url = route.request.url
        if url.startswith((self.server.url, "data:", "blob:")):
            route.continue_()
        else:
            self.left.append(url)
            route.abort()

    def open(self, notebook):
        """Opens a notebook, given by its path in the served folder, and runs all its cells."""
        page = self.page
        page.goto(f"{self.server.url}/lab/tree/{notebook}?token={self.server.token}&reset")
        page.locator(".jp-Notebook").wait_for()
        # Cells sent before the kernel is connected are never run.
        page.get_by_text("| Idle").wait_for()
        if page.viewport_size["width"] < NARROW:
            page.keyboard.press("Control+b")
        page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        page.locator("[data-command='runmenu:run-all']").click()
        late = "the notebook did not run to its end"
        _until(page, lambda: page.evaluate(RAN), lambda: late, RUN_PATIENCE)
        failed = page.locator("[data-mime-type='application/vnd.jupyter.stderr']")
        assert failed.count() == 0, failed.first.inner_text()


def explore(browser, server, notebook, *, shot, knob=None, bad="many", width=1280, drag=True):
    """Does what a researcher does in a notebook's panel, and asserts that it answers.

    Runs all cells, drags the knob's slider with the mouse, sees the figure's data change, moves it
    by the arrow key, or the other way round, types a bad value, reads the refusal under the knob,
    mends it, copies the command, and leaves a screenshot of each state.

    Args:
        browser: what `chromium` gives.
        server: what `lab` gives.
        notebook: path in the served folder; its panel is the last output with widgets.
        shot: stem of the screenshots' names.
        knob: name of a knob with a slider, whose move changes the figure; by default the first.
        bad: what is typed into its box and must be refused.
        width: of the window, in pixels.
        drag: whether to drag before the arrow key; else it comes after it, and after the full run
            that tells the slider how far it reaches.

    Returns:
        Seconds from the first move to the first figure, and from the second to changed data.
    """
    visit = Visit(browser, server, width)
    try:
        visit.open(notebook)
        times = _drive(visit.page, knob, bad, shot, drag)
        assert visit.errors == []
        assert visit.left == []
    except BaseException:
        _shoot(visit.page, f"{shot}-failed")
        raise
    finally:
        visit.page.close()
    return times


def _drive(page, knob, bad, shot, drag):
    """What `explore` does once the notebook has run."""
    board = page.locator(".jp-OutputArea-output", has=page.locator(".widget-vbox")).last
    if knob is None:
        named = board.locator("[role=slider][aria-label]").first
        knob = named.get_attribute("aria-label").removesuffix(" slider")
    control = board.locator(".widget-vbox", has=page.get_by_label(knob, exact=True)).last
    handle, box = control.get_by_label(f"{knob} slider"), control.get_by_label(knob, exact=True)
    assert board.locator(PLOT).count() == 0, "the panel computed before it was touched"
    before = box.input_value()
    # Between few places, a short way is none.
    far = partial(_dragged, share=0.4)
    first, second = (_dragged, _pressed) if drag else (_pressed, far)
    times = [_changed(page, board, lambda: first(page, handle))]
    assert box.input_value() != before, "the first move left the knob where it was"
    if not drag:
        full = "place => JSON.parse(place.dataset.of).full"
        shown = board.locator(PLOT).element_handle()
        _until(page, lambda: shown.evaluate(full), lambda: "the full run never came")
    times.append(_changed(page, board, lambda: second(page, handle)))
    figure, room = board.get_by_role("figure"), board.bounding_box()["width"]
    assert figure.get_attribute("aria-label"), "the figure has no text alternative"
    _until(
        page,
        lambda: 0.9 < _width(figure) / room <= 1,
        lambda: f"the figure is {_width(figure)} pixels wide and its panel {room}",
    )
    _shoot(board, f"{shot}-moved")
    box.fill(bad)
    box.press("Enter")
    refusal = control.get_by_role("alert")
    refusal.wait_for()
    assert f"`{knob}` must be" in refusal.inner_text()
    _shoot(board, f"{shot}-refused")
    handle.focus()
    page.keyboard.press("ArrowLeft")
    refusal.wait_for(state="detached")
    _copied(page, board, f"--{knob} {box.input_value()}")
    assert board.locator("button:not([aria-label]):empty").count() == 0
    return times


def _dragged(page, handle, share=0.1):
    """Drags a slider's handle with the mouse, that share of its way to the side with more room."""
    handle.scroll_into_view_if_needed()
    room, knob = (e.bounding_box() for e in (handle.locator("xpath=../../.."), handle))
    x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    side = 1 if x < room["x"] + room["width"] / 2 else -1
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 5):
        page.mouse.move(x + side * step * share * room["width"] / 4, y)
    page.mouse.up()


def _pressed(page, handle, key="ArrowRight"):
    handle.focus()
    page.keyboard.press(key)


def _copied(page, board, wanted):
    """Presses the button that copies the command; without leave its text is at least selected."""
    button = board.get_by_label("Copy the command as a run of its own")
    line = button.locator("xpath=..")
    code = line.locator("code")
    # It comes by a message of its own, after the one that took the refusal back.
    _until(
        page,
        lambda: wanted in code.inner_text(),
        lambda: f"the command is {code.inner_text()!r} and should hold {wanted!r}",
        patience=1000,
    )
    button.click()
    said = line.get_by_role("status")
    _until(page, lambda: said.inner_text() != "", lambda: "the button said nothing")
    selected = page.evaluate("() => window.getSelection().toString()")
    assert said.inner_text() == "copied" or wanted in selected


def _changed(page, board, turn):
    """Seconds from a turn of a knob to a figure that shows other data."""
    shown, start = _data(board), time.perf_counter()
    turn()
    _until(
        page,
        lambda: _data(board) not in (None, shown),
        lambda: (
            f"the figure stood still; the panel says {board.get_by_role('alert').all_inner_texts()}"
        ),
    )
    return time.perf_counter() - start


def _width(figure):
    return figure.locator(".main-svg").first.bounding_box()["width"]


def _data(board):
    return (
        board.locator(PLOT).evaluate(DATA) if board.locator(f"{PLOT} .main-svg").count() else None
    )


def _until(page, holds, otherwise, patience=PATIENCE):
    """Waits until it holds; fails with what `otherwise` says then."""
    end = time.perf_counter() + patience / 1000
    while not holds():
        assert time.perf_counter() < end, otherwise()
        page.wait_for_timeout(10)


def _shoot(board, name):
    SCREENSHOTS.mkdir(exist_ok=True)
    time.sleep(0.3)
    board.screenshot(path=SCREENSHOTS / f"{name}.png")


def _settings(home, folder, port, token):
    """Writes the server's configuration and the reader's settings; returns the former's path."""
    for name, values in SETTINGS.items():
        path = Path(home) / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    chosen = {
        "ServerApp": {
            "ip": "127.0.0.1",
            "port": port,
            "port_retries": 0,
            "open_browser": False,
            "allow_root": True,
            "root_dir": str(folder),
        },
        "IdentityProvider": {"token": token},
        "LabApp": {
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "news_url": None,
            "extension_manager": "readonly",
        },
    }
    path = Path(home) / "jupyter_lab_config.json"
    path.write_text(json.dumps(chosen))
    path.chmod(0o600)
    return str(path)


def _environment(home):
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    for folder in folders.values():
        (Path(home) / folder).mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    chosen = {name: str(Path(home) / folder) for name, folder in folders.items()}
    return {**os.environ, **chosen, "PYTHONPATH": path}


def _wait(server, process, log):
    end = time.perf_counter() + PATIENCE / 1000
    while time.perf_counter() < end:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{server.url}/api?token={server.token}", timeout=5).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not answer:\n{log.read_text()[-3000:]}")


def _end(process):
    """Asks the server and its kernels to stop, and ends the whole group if they do not."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    # Kernels are in groups of their own only by their own doing; this one holds what is left.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
