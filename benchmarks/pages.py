"""How large is a page, and how soon does it open from disk and show its first plot?

    python benchmarks/pages.py [REPORTS] [--rounds 15]

Opens every page below REPORTS (by default `reports/`) in headless Chromium, in turns, each time in
a browser context of its own, so that nothing is cached. Times count from the start of navigation,
by the browser's clock: to the end of the load event, to the first paint of words, to the first
plot, and to the last. The main thread's own time is reported beside them, which a busy machine
disturbs less. It prints a table and writes results/pages-MACHINE.json.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from machine import machine, write_results
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Notes when the first and the last figure got its drawing.
WATCH = """
const seen = (window.seenPlots = {});
new MutationObserver(() => {
  const drawn = document.querySelectorAll("figure .main-svg:first-child").length;
  if (drawn && !seen.first) seen.first = performance.now();
  const figures = document.querySelectorAll("figure.figure .plot").length;
  const done = document.querySelectorAll("figure.figure .plot:has(.main-svg)").length;
  if (drawn && done === figures && !seen.last) seen.last = performance.now();
}).observe(document, { childList: true, subtree: true });
"""
DONE = """() => document.readyState === "complete" &&
    [...document.querySelectorAll("figure.figure .plot")].every((plot) =>
        plot.querySelector(".main-svg"))"""
TIMES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const [words] = performance.getEntriesByName("first-contentful-paint");
  return { load: page.loadEventEnd, words: words?.startTime ?? null,
           first_plot: seenPlots.first ?? null, last_plot: seenPlots.last ?? null };
}"""


def opened(browser, page_file, width, height):
    """Milliseconds of one opening."""
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.add_init_script(WATCH)
    metrics = context.new_cdp_session(page)
    metrics.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(page_file.resolve().as_uri())
    page.wait_for_function(DONE)
    times = page.evaluate(TIMES)
    columns = {m["name"]: m["value"] for m in metrics.send("Performance.getMetrics")["metrics"]}
    times["main_thread"] = 1000 * columns["TaskDuration"]
    context.close()
    return times


def summed(rounds):
    """Median, 95th percentile and least of each kind of time."""
    kinds = rounds[0]
    times_by_phase = {}
    for kind in kinds:
        times = [r[kind] for r in rounds if r[kind] is not None]
        if times:
            p50, p95 = np.percentile(times, [50, 95])
            times_by_phase[kind] = {"p50_ms": p50, "p95_ms": p95, "least_ms": min(times)}
    return times_by_phase


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("reports", nargs="?", type=Path, default=ROOT / "reports")
    options.add_argument("--rounds", type=int, default=15)
    options = options.parse_args()
    pages = sorted(options.reports.glob("**/page.html"))
    if not pages:
        raise SystemExit(f"there is no page below {options.reports}; `workbench run` makes one")
    program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    record = {"machine": machine(("plotly", "playwright")), "rounds": options.rounds, "pages": []}
    rounds = {page: [] for page in pages}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        record["machine"]["browser"] = browser.version
        for _ in range(options.rounds):
            for page in pages:
                rounds[page].append(opened(browser, page, 1280, 900))
        browser.close()
    print(f"{'page':44s} {'MB':>5s}  p50/p95 ms: load, words, first plot, last plot; main thread")
    for page, times_by_phase in rounds.items():
        size = page.stat().st_size
        times = summed(times_by_phase)
        name = str(page.parent.relative_to(options.reports))
        record["pages"].append({"page": name, "bytes": size, **times})
        columns = [f"{t['p50_ms']:5.0f}/{t['p95_ms']:5.0f}" for t in times.values()]
        print(f"{name[:44]:44s} {size / 1e6:5.2f}  {'  '.join(columns)}")
    write_results("pages", record)


if __name__ == "__main__":
    main()
