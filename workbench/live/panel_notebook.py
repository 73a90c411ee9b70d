"""A notebook reduced to its panel and the cells that the panel needs."""

from __future__ import annotations

import copy
import symtable

import nbformat

from workbench.runs.parameters.python_cell import python_of


def panel_alone(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """The notebook's title, its panel, and the cells that define the names which the panel reads.

    Args:
        notebook: stays unchanged.
        name: the notebook's name in an error message.

    Raises:
        ValueError: if no cell is tagged `panel`.
    """
    code = [c for c in notebook.cells if c.cell_type == "code"]
    panels = [c for c in code if "panel" in c.metadata.get("tags", [])]
    if not panels:
        raise ValueError(f"`{name}` must have a cell tagged 'panel'; got none")
    ids, needed = [panels[-1].id], _read(panels[-1].source)
    for cell in reversed(code[: code.index(panels[-1])]):
        defined = _defined(cell.source)
        if defined & needed or "parameters" in cell.metadata.get("tags", []):
            ids.append(cell.id)
            needed = (needed - defined) | _read(cell.source)
    title = [c.id for c in notebook.cells if c.cell_type == "markdown"][:1]
    alone = copy.deepcopy(notebook)
    alone.cells = [c for c in alone.cells if c.id in {*ids, *title}]
    return alone


def _table(source: str) -> symtable.SymbolTable:
    """The names of a cell; none of a cell in another language."""
    try:
        return symtable.symtable(python_of(source)[0], "cell", "exec")
    except SyntaxError:
        return symtable.symtable("", "cell", "exec")


def _defined(source: str) -> set[str]:
    """The names to which a cell assigns a value at its top level."""
    symbols = _table(source).get_symbols()
    return {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}


def _read(source: str) -> set[str]:
    """The global names that a cell reads, in the bodies of its functions as well."""
    scopes, names = [_table(source)], set()
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        is_top = scope.get_type() == "module"
        names |= {
            s.get_name()
            for s in scope.get_symbols()
            if s.is_referenced() and (is_top or s.is_global())
        }
    return names
