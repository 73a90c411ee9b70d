r"""The numbers of a page's equations, counted as MathJax counts in a notebook.

Rows of `equation`, `align`, `gather` and their like bear numbers, but for those with `\notag`;
`\tag` names a row itself. Elsewhere a row is numbered if it has a `\label`, so that it can be
referred to.
"""

from __future__ import annotations

import re

from workbench.pages.text.delimiters import replaced

TAG = re.compile(r"\\tag(\*?)\s*\{([^{}]*)\}")
LABEL = re.compile(r"\\label\s*\{([^{}]*)\}")
_UNNUMBERED = re.compile(r"\\(?:notag|nonumber)(?![a-zA-Z])")
_BY_ROW = {"align", "alignat", "eqnarray", "flalign", "gather"}
_AS_ONE = {"equation", "multline"}
_MARK = re.compile(r"\\\\(?:\*|\s*\[[^\[\]]*\])?|\\(?P<kind>begin|end)\s*\{(?P<name>[^{}]*)\}")


class Equations:
    """The numbered equations of a page so far, and the numbers of labels."""

    def __init__(self):
        """No equation is numbered yet."""
        self.count = 0
        self.numbers: dict[str, str] = {}

    def numbered(self, text: str) -> str:
        r"""Markdown with a `\tag` in every numbered row; to be called in the order of the page."""

        def tagged(match: re.Match[str]) -> str:
            block = match["block"] or match["bracketed"] or match["environment"]
            return match[0].replace(block, self._rows(block), 1) if block else match[0]

        return replaced(text, tagged)

    def _rows(self, formula: str) -> str:
        done, start, inside = [], 0, [""]
        for mark in _MARK.finditer(formula):
            outer, text, kind = inside[-1], formula[start : mark.start()], mark["kind"]
            if kind == "begin":
                inside.append(mark["name"])
                is_edge = mark["name"].rstrip("*") in _BY_ROW | _AS_ONE
            else:
                base = outer.rstrip("*")
                is_edge = base in _BY_ROW or (kind == "end" and base in _AS_ONE)
                text = self._row(text, not outer.endswith("*")) if is_edge else text
                inside = inside[:-1] if kind and len(inside) > 1 else inside
            if is_edge:
                done += text, mark[0]
                start = mark.end()
        rest = formula[start:]
        return "".join([*done, rest if done else self._row(rest, False)])

    def _row(self, row: str, is_counted: bool) -> str:
        labels, tag = LABEL.findall(row), TAG.search(row)
        if tag:
            number = tag[2]
        elif not row.strip() or _UNNUMBERED.search(row) or not (is_counted or labels):
            return row
        else:
            self.count += 1
            number = str(self.count)
            # On a new line, in case a comment ends the row.
            row = f"{row.rstrip()}\n\\tag{{{number}}}{row[len(row.rstrip()) :]}"
        self.numbers |= dict.fromkeys(labels, number)
        return row
