"""Small notebooks executed for the tests of what comes of them."""

import nbformat
import toy_notebooks

from workbench.runs.execute import execute
from workbench.runs.job import job


def executed(folder, template, *cells, values=None, **how):
    """The record, the executed notebook and the text of its page, None where there is none.

    Args:
        folder: the current directory.
        template: the fixture.
        cells: sources, or cells, after the parameters.
        values: of parameters.
        how: more words for `toy_notebooks.notebook`.
    """
    path = toy_notebooks.notebook(folder / "own.ipynb", *cells, **how)
    record = execute(job(path.name, values or {}), folder / "r", template=template)
    left = folder / "r" / record["folder"]
    notebook, page = nbformat.read(left / "notebook.ipynb", 4), left / "page.html"
    return record, notebook, page.read_text() if page.exists() else None
