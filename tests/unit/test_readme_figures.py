"""The README's figures are those of the files that the benchmarks wrote."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DETECTOR = ROOT / "benchmarks/results/detector-intel-r-xeon-r-processor-2-50ghz.json"


def test_the_detectors_figures_are_the_measured_ones():
    text = " ".join((ROOT / "README.md").read_text().split())
    races = [race for race in json.loads(DETECTOR.read_text())["races"] if race["threads"] == 1]
    times = [
        {entry["name"]: entry["wall_ns_a_pair"] for entry in race["contestants"]} for race in races
    ]
    ours = times[0]["workbench gather, 1 thr."]
    for peer, name in (
        ("faiss", "faiss IndexBinaryFlat"),
        ("sparse-dot-topn", "sparse-dot-topn"),
    ):
        (told,) = re.findall(rf"(\d+) times as fast as {peer}", text)
        assert int(told) == round(times[0][name] / ours)
    (told,) = re.findall(r"a single pattern takes ([\d.]+) ns a segment of a million", text)
    assert float(told) == round(times[-1]["workbench pairs"], 2)
    assert races[-1]["case"]["segments"] == 1_000_000
    case = races[0]["case"]
    assert (case["patterns"], case["segments"], case["synapses"]) == (512, 200_000, 20)


def test_the_cost_of_runs_is_the_measured_one():
    text = " ".join((ROOT / "README.md").read_text().split())
    path = ROOT / "benchmarks/results/sweep-intel-r-xeon-r-processor-2-50ghz.json"
    found = json.loads(path.read_text())["seconds"]
    notebook = {name: round(one["median"], 2) for name, one in found["notebook run"].items()}
    call = found["function run"]["workbench, in this process"]["median"]
    assert f"a notebook run takes {notebook['workbench']} s beyond its own cells" in text
    api, command = notebook["papermill, API"], notebook["papermill, command"]
    assert f"papermill's API takes {api} s and its command {command} s" in text
    assert f"a function run takes {call * 1e3:.1f} ms" in text


def test_the_latency_of_panels_is_the_measured_one():
    text = " ".join((ROOT / "README.md").read_text().split())
    [first] = spans("panel", "first figure [s]")
    low, high = (int(end) / 1000 for end in first.split(" to "))
    assert f"whose figure comes after {low:.2f} to {high:.2f} s" in text
    medians, tails = spans("panel", "p50 [s]", "p95 [s]")
    assert f"panels' medians are {medians} ms and their 95th percentiles {tails} ms;" in text
    medians, tails = spans("panel-2-times-slower", "p50 [s]", "p95 [s]")
    assert f"the page takes {medians} ms and {tails} ms (`benchmarks/panel.py`)" in text


def spans(subject, *names):
    """The least and the greatest over all panels, in milliseconds."""
    path = ROOT / f"benchmarks/results/{subject}-intel-r-xeon-r-processor.json"
    panels = json.loads(path.read_text())["panels"].values()
    assert len(panels) == 11
    found = [[round(1000 * panel[name]) for panel in panels] for name in names]
    return [f"{min(told)} to {max(told)}" for told in found]
