"""A sweep over a notebook `own.ipynb`, and the states of its runs."""

import toy_notebooks

from workbench.records.store import read_points


def sweep(folder, *words):
    return toy_notebooks.command("sweep", "own.ipynb", "--out", "study", *words, cwd=folder)


def states(folder):
    return {r["knobs"]["x"]: (r["state"], r.get("error")) for r in read_points(folder / "study")}
