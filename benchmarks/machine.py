"""What a benchmark's record says of the machine it was made on, and where the record goes."""

import json
import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine(packages):
    """Name and state of the machine, and the versions of the packages."""
    about = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"model name\s*: (.*)", about)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=RESULTS.parent
    ).stdout.strip()
    return {
        "processor": name.group(1) if name else platform.processor() or platform.machine(),
        "flags": sorted(set(re.findall(r"\b(avx2|avx512\w+)\b", about))),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: installed(name) for name in packages},
        "commit": commit,
    }


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def write_results(subject, record):
    """Writes the record to results/SUBJECT-PROCESSOR.json, and says so."""
    record["machine"]["load_after"] = os.getloadavg()
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"\W+", "-", record["machine"]["processor"]).strip("-").lower()
    path = RESULTS / f"{subject}-{name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"\n{path}")
