"""What reading many records costs: time and peak memory of the commands that read them.

Runs in one command, `python benchmarks/records.py [--records 5040 20000] [--points 2000 20000]`.
The records are copies of one that a run wrote, each with knobs, numbers and an identity of its own,
in a study's folder; they are written by this script, so that their number is not bound to the
time that runs take. Every command runs in a process of its own, first cold (the reader's memory of
earlier readings removed; the system's cache of files is left as it is) and then warm. A function
sweep of a call that does nothing but add a line to a file is measured whole, from the start of its
process to its end: seconds and bytes a point, and the largest memory.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from machine import machine, write_results

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

from workbench.experiments.scaling.isoflop import Params  # noqa: E402
from workbench.runs.record import begun  # noqa: E402
from workbench.studies.sweep import study_jobs  # noqa: E402

GOALS = {"runs": 3, "index": 3, "report": 12, "gallery": 12, "peak MiB": 300}
COMMANDS = {
    "runs": ["runs", "--reports", "."],
    "index": ["index", "."],
    "report": ["report", "."],
    "gallery": ["gallery", "."],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="*", default=[5040, 20_000])
    parser.add_argument("--points", type=int, nargs="*", default=[2000, 20_000, 200_000])
    parser.add_argument("--name", default="records", help="of the file with the results")
    options = parser.parse_args()
    results = {"records": {}, "points": {}}
    with tempfile.TemporaryDirectory() as folder_name:
        os.environ["XDG_CACHE_HOME"] = f"{folder_name}/cache"
        for count in options.records:
            folder = Path(folder_name, f"records-{count}")
            fabricate(folder, count)
            results["records"][count] = {name: measured(folder, name) for name in COMMANDS}
            shutil.rmtree(folder)
        for count in options.points:
            results["points"][count] = swept(Path(folder_name, f"points-{count}"), count)
    write_results(
        options.name, {"machine": machine(("duckdb", "plotly")), "goals": GOALS, **results}
    )


def fabricate(folder, count):
    """A study of so many notebook runs, as far as commands read it: records and no pages."""
    template = begun(study_jobs("scaling/isoflop", [Params()], function=True)[0])
    claims = [
        {
            "paper": "Somebody (2026)",
            "where": f"section {place}",
            "statement": "At exponents 0.34 and 0.28 the bias is below 10 %",
            "expected": "below 0.1",
            "measured": -0.05,
            "interval": [-0.06, -0.04],
            "verdict": "reproduced",
            "note": "",
            "paper_id": "",
        }
        for place in range(4)
    ]
    template |= {"state": "done", "depth": "notebook", "claims": claims}
    start, points = datetime(2026, 1, 1, tzinfo=UTC), []
    for number in range(count):
        changed = {
            "alpha": 0.2 + 0.3 * (number // 140) / (count // 140 + 1),
            "width": 1.5 + number % 140,
        }
        run = f"alpha-{changed['alpha']:.12g}-width-{changed['width']}-{number:08x}"
        at = start + timedelta(seconds=number)
        content = template | {
            "run": run,
            "folder": f"scaling/isoflop/{run}",
            "identity": f"{number:064x}",
            "knobs": template["knobs"] | changed,
            "given": changed,
            "changed": changed,
            "summary": {f"bias {place}": (number * 7919 % 1009) / 1009 for place in range(6)},
            "timings": {"start": at.isoformat(), "end": at.isoformat(), "seconds": 0.5},
        }
        place = folder / content["folder"]
        place.mkdir(parents=True)
        (place / "record.json").write_text(json.dumps(content, indent=1))
        points.append({n: content[n] for n in ("name", "run", "identity", "changed")})
    (folder / "study.json").write_text(json.dumps({"points": points}))


def measured(folder, name):
    """Seconds and peak memory of the command, cold and warm, and the bytes of the page it wrote."""
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
    results = {}
    for state in ("cold", "warm"):
        results[state] = spent(["-m", "workbench", *COMMANDS[name]], folder)
        print(f"{folder.name} {name} {state}: {results[state]}", flush=True)
    pages = {"report": "report.html", "gallery": "index.html"}
    if name in pages:
        results["page bytes"] = (folder / pages[name]).stat().st_size
    return results


def swept(folder, count):
    """What a function sweep of so many points costs a point."""
    folder.mkdir()
    words = [str(ROOT / "tests" / "support" / "toy_experiment.py"), str(folder)]
    results = spent([*words, str(count), "1", "0"], folder)
    size = sum(p.stat().st_size for p in (folder / "study").rglob("*") if p.is_file())
    results |= {"ms a point": 1e3 * results["seconds"] / count, "bytes a point": size / count}
    print(f"{folder.name}: {results}", flush=True)
    shutil.rmtree(folder)
    return results


def spent(words, folder):
    """Seconds by the clock and of the processor, and peak memory, of the command in a process."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            stdout=said,
            stderr=said,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        assert process.returncode == 0, said.read().decode()[-2000:]
    return {
        "seconds": time.perf_counter() - begin,
        # On a machine that has other work to do, only these tell what the command costs.
        "processor seconds": used.ru_utime + used.ru_stime,
        "peak MiB": used.ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main()
