"""How long after a slider's event does a panel's figure show it, in a real browser?

Every notebook's panel, with the cells that it stands on, is opened in JupyterLab in headless
Chromium. The arrow key then turns the panel's first slider many times; the clock is the browser's,
from the key to the first frame after plotly has drawn a figure of the new knobs: the preview if
there is one, or the full run. On a busy machine the load stretches every number; what the
page's process spent on a turn is reported beside them.

    python benchmarks/panel.py [NAME ...] [--turns 60]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from browser import Visit, chromium, lab  # noqa: E402
from machine import machine, write_results  # noqa: E402

from workbench.live.servers import panel_alone  # noqa: E402
from workbench.runs.find import experiment, experiments  # noqa: E402
from workbench.runs.parameters.parameters_cell import read_notebook  # noqa: E402

GOAL = 0.1
TURN = """([handle, key]) => new Promise((done) => {
  const panel = handle.closest('.workbench-panel');
  const place = panel.querySelector('.workbench-plot');
  const before = JSON.stringify(JSON.parse(place.dataset.of ?? '{"knobs":null}').knobs);
  const start = performance.now();
  const look = () => {
    const of = JSON.parse(place.dataset.of);
    if (JSON.stringify(of.knobs) === before) return;
    panel.removeEventListener('workbench-drawn', look);
    requestAnimationFrame(() => done([performance.now() - start, of.full]));
  };
  panel.addEventListener('workbench-drawn', look);
  handle.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  setTimeout(() => done(null), 60000);
})"""
FULL = "place => JSON.parse(place.dataset.of ?? '{}').full === true"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--rest", type=float, default=0.4, help="seconds between two turns")
    parser.add_argument("--looks-for", type=float, default=2, help="seconds before the first touch")
    parser.add_argument(
        "--slower", type=float, default=1, help="factor that the page is held up by"
    )
    options = parser.parse_args()
    about = machine(("jupyterlab", "ipywidgets", "anywidget", "plotly", "numpy"))
    names = options.names or [e.name for e in experiments()]
    with tempfile.TemporaryDirectory() as folder:
        copies, panels = Path(folder) / "notebooks", {}
        for name in names:
            path = copies / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(panel_alone(read_notebook(experiment(name).notebook), name), path)
        (home := Path(folder) / "home").mkdir()
        try:
            with lab(copies, home) as server, chromium() as browser:
                for name in names:
                    panels[name] = measured(browser, server, name, options)
        finally:
            record = {"machine": about, "settings": vars(options), "goal [s]": GOAL}
            name = "panel" if options.slower == 1 else f"panel-{options.slower:g}-times-slower"
            write_results(name, {**record, "panels": panels})


def measured(browser, server, name, options):
    visit = Visit(browser, server)
    try:
        visit.open(f"{name}.ipynb")
        page = visit.page
        board = page.locator(".workbench-panel")
        handle = board.locator("[role=slider][aria-label]").first
        knob = handle.get_attribute("aria-label").removesuffix(" slider")
        if options.slower > 1:
            slow = page.context.new_cdp_session(page)
            slow.send("Emulation.setCPUThrottlingRate", {"rate": options.slower})
        # A person looks before the first touch; plotly's library comes meanwhile.
        page.wait_for_timeout(int(1000 * options.looks_for))
        first = turn(page, handle, "ArrowRight")[0]
        place = board.locator(".workbench-plot").element_handle()
        start = time.perf_counter()
        while not place.evaluate(FULL) and time.perf_counter() - start < 120:
            page.wait_for_timeout(50)
        full = time.perf_counter() - start
        for key in ("ArrowRight", "ArrowLeft"):
            turn(page, handle, key)
            page.wait_for_timeout(1000)
        keys = ["ArrowRight"] * 5 + ["ArrowLeft"] * 4
        before = renderer_seconds(page)
        times, previews = [], 0
        for place in range(options.turns):
            took, is_full = turn(page, handle, keys[place % len(keys)])
            times.append(took)
            previews += not is_full
            page.wait_for_timeout(int(1000 * options.rest))
        spent = (renderer_seconds(page) - before) / options.turns
        low, high = (float(np.percentile(times, q)) for q in (50, 95))
        print(f"{name:28s} {knob:9s} p50 {low:.3f} s  p95 {high:.3f} s  first {first:.2f} s  "
              f"full {full:.2f} s  renderer {spent:.3f} s  looks {previews}/{len(times)}",
              flush=True)  # fmt: skip
        return {"knob": knob, "p50 [s]": low, "p95 [s]": high, "within the goal": high < GOAL,
                "first figure [s]": first, "full run [s]": full, "first looks": previews,
                "renderer, processor time a turn [s]": spent, "seconds": times}  # fmt: skip
    finally:
        visit.page.close()


def turn(page, handle, key):
    """Seconds from the key to the figure, and whether it is that of a full run.

    At an end of the slider it goes the other way.
    """
    low, now, high = (float(handle.get_attribute(f"aria-value{a}")) for a in ("min", "now", "max"))
    key = "ArrowLeft" if now >= high else "ArrowRight" if now <= low else key
    got = page.evaluate(TURN, [handle.element_handle(), key])
    if got is None:
        raise RuntimeError("the figure stood still for a minute")
    return got[0] / 1000, got[1]


def renderer_seconds(page):
    """Processor time of the page's process, which other programs do not stretch."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    values = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return values["ProcessTime"]


if __name__ == "__main__":
    main()
