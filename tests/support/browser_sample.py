"""Which experiments are opened in a browser: every one in `make test-all`, else a sample."""

import os
import subprocess

from workbench.runs.find import Experiment, experiments

MOST_RECENT = 3


def in_browser() -> list[Experiment]:
    """The first experiment of each family, and the three whose module or notebook changed last.

    All of them where the environment variable WORKBENCH_EVERY_PAGE is set, as `make test-all` does.
    Every experiment's default run, and its page as text, is tested in any case.
    """
    every = experiments()
    if os.environ.get("WORKBENCH_EVERY_PAGE"):
        return every
    families = {e.name.split("/")[0]: e for e in reversed(every)}
    recent = sorted(every, key=last_change, reverse=True)[:MOST_RECENT]
    return [e for e in every if e in families.values() or e in recent]


def last_change(experiment: Experiment) -> float:
    """Seconds since the epoch of the last commit to an experiment; of its files where no git is."""
    files = [experiment.source, experiment.notebook]
    command = ["git", "log", "-1", "--format=%ct", "--", *map(str, files)]
    ran = subprocess.run(command, cwd=files[0].parent, capture_output=True, text=True)
    return float(ran.stdout.strip() or max(file.stat().st_mtime for file in files))
