r"""Formulas as MathML, which needs no script; as their source where they cannot be laid out.

Macros (`\newcommand`, `\def`, `\let`, `\DeclareMathOperator`) are expanded here and carry over from
one formula of a page to the next. What the converter did not understand stands in its result as a
backslash, an ampersand or an element with too few parts, and that is how it is recognised.
"""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree

from latex2mathml.converter import convert

from workbench.pages.text.equations import LABEL, TAG, Equations
from workbench.pages.text.macros import Macros

# The number of children that these elements of MathML must have.
_PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2}
_PARTS |= {"msubsup": 3, "munderover": 3, "mi": 0, "mn": 0, "mo": 0, "mtext": 0}
_MATRICES = {f"{kind}matrix{star}" for kind in ["", *"pbBvV", "small"] for star in ("", "*")}
# Environments that the converter supports, and replacements of others.
_KNOWN = _MATRICES | {"align*", "array", "cases", "equation*", "gather*", "split", "multline*"}
_INSTEAD = {"align": "align*", "aligned": "align*", "alignedat": "align*", "alignat": "align*"}
_INSTEAD |= {"alignat*": "align*", "eqnarray": "align*", "eqnarray*": "align*", "flalign": "align*"}
_INSTEAD |= {"gathered": "matrix", "gather": "gather*", "multline": "multline*"}
_INSTEAD |= {"dcases": "cases", "equation": "equation*", "displaymath": "equation*"}
_REFERENCE = re.compile(r"\\(eq)?ref\s*\{([^{}]*)\}")
# The converter prints the backslash of an enlarged brace.
_BIG = re.compile(r"\\[bB]igg?[lrm]?\s*\\([{}])")
_BRACES = {"{": r"\lbrace ", "}": r"\rbrace "}
_WORDS = re.compile(r"\\(text|mbox|textrm|textnormal)\s*\{([^{}$]*)\$([^$]*)\$([^{}]*)\}")


class Formulas:
    """Converts the formulas of a page in order; macros and numbers apply to later ones."""

    def __init__(self):
        """Neither macros nor numbers are defined yet."""
        self.macros, self.equations = Macros(), Equations()

    def html(self, formula: str, display: str) -> str:
        """The formula in MathML, or marked LaTeX if it cannot be converted.

        Args:
            formula: LaTeX without its delimiters.
            display: `block`, where formulas side by side may stand below each other, or `inline`.
        """
        if link := self._link(formula):
            return link
        parts = side_by_side(formula) if display == "block" else [formula]
        try:
            set_parts = [self._converted(part, display) for part in parts]
        except Exception:  # the converter raises whatever its parser stumbles on
            set_parts = [_source(formula, display)]
        shown = "".join(f'<a id="{_place(label)}"></a>' for label in LABEL.findall(formula))
        shown += "".join(set_parts)
        return shown if len(set_parts) == 1 else f'<div class="formulas">{shown}</div>'

    def _link(self, formula: str) -> str | None:
        """A link with the number of an equation, if the formula is only a reference."""
        match = _REFERENCE.fullmatch(formula.strip())
        if not match or match[2] not in self.equations.numbers:
            return None
        number = html.escape(self.equations.numbers[match[2]])
        number = f"({number})" if match[1] else number
        return f'<a href="#{_place(match[2])}">{number}</a>'

    def _converted(self, formula: str, display: str) -> str:
        prepared = _prepared(self._referred(self.macros.expanded(formula.strip())))
        if not prepared:
            return ""
        mathml = convert(prepared, display=display)
        mathml = re.sub(r"<mtext>[^<]*</mtext>", _unescaped, mathml)
        if flaw := _flaw(mathml, prepared):
            raise ValueError(flaw)
        return mathml

    def _referred(self, formula: str) -> str:
        """The formula with references replaced by numbers."""

        def number(match: re.Match[str]) -> str:
            tag = self.equations.numbers[match[2]]
            return rf"\text{{({tag})}}" if match[1] else rf"\text{{{tag}}}"

        return _REFERENCE.sub(number, formula)


def _place(label: str) -> str:
    """The id of an equation; ids of headings have no point."""
    return "eqn." + re.sub(r"\W+", "-", label)


def side_by_side(formula: str) -> list[str]:
    r"""The formula split at `\qquad`, unless that is within braces or an environment."""
    parts = [part.strip() for part in formula.split(r"\qquad")]
    return [part for part in parts if part] if all(map(_is_whole, parts)) else [formula]


def _is_whole(part: str) -> bool:
    begun, ended = (re.findall(rf"\\(?:{w})\b", part) for w in ("left|begin", "right|end"))
    return _depth(part) == 0 and len(begun) == len(ended)


def _depth(formula: str) -> int:
    bare = re.sub(r"\\.", "", formula, flags=re.S)
    return bare.count("{") - bare.count("}")


def _prepared(formula: str) -> str:
    """The formula in the LaTeX that the converter supports.

    Raises:
        ValueError: for an environment that it does not set, or braces that do not match.
    """
    formula = re.sub(r"(?<!\\)%.*", "", formula) if "%" in formula else formula
    formula = LABEL.sub("", formula)
    formula = TAG.sub(lambda tag: rf"\quad\text{{{tag[2] if tag[1] else f'({tag[2]})'}}}", formula)
    formula = re.sub(r"\\(nonumber|notag|limits|nolimits|displaylimits)(?![a-zA-Z])", "", formula)
    formula = re.sub(r"(\\begin\{(?:alignat\*?|alignedat)\})\s*\{\d+\}", r"\1", formula)
    formula = re.sub(r"(\\begin\{\w+\*?\})\s*\[[tbc]\]", r"\1", formula)
    formula = re.sub(r"(\\\\)\s*\[-?[\d.]+\s*[a-z]{2}\]", r"\1", formula)
    if "{eqnarray" in formula:
        formula = re.sub(r"&([^&\\]*)&", r"&\1", formula)
    formula = _BIG.sub(lambda match: _BRACES[match[1]], formula)
    formula = formula.replace(r"\operatorname*", r"\operatorname").replace(r"\mathop", "")
    while (words := _WORDS.sub(r"\\\1{\2}{\3}\\\1{\4}", formula)) != formula:
        formula = words
    formula = re.sub(r"\\(begin|end)\s*\{([^{}]*)\}", _environment, formula)
    if _depth(formula):
        raise ValueError("braces must match")
    return formula.strip()


def _environment(match: re.Match[str]) -> str:
    name = _INSTEAD.get(match[2], match[2])
    if name not in _KNOWN:
        raise ValueError(f"`{name}` must be an environment of {sorted(_KNOWN)}")
    return rf"\{match[1]}{{{name}}}"


def _unescaped(match: re.Match[str]) -> str:
    return re.sub(r"\\([%_$#{}])", r"\1", re.sub(r"\\&", "&amp;", match[0]))


def _flaw(mathml: str, formula: str) -> str | None:
    """A sign that the conversion failed; None if there is none."""
    for element in ElementTree.fromstring(mathml).iter():
        name = element.tag.rpartition("}")[2]
        if len(element) != _PARTS.get(name, len(element)):
            return f"{name} has {len(element)} parts"
        text = element.text or ""
        written = r"\&" in formula or name == "mtext"
        if re.search(r"\\[a-zA-Z{}|]|^\\$", text) and r"\backslash" not in formula:
            return f"{text} is left over"
        if "&" in text and not written:
            return "& is left over"
    return None


def _source(formula: str, display: str) -> str:
    """The formula's LaTeX, marked as such."""
    code = f"<code>{html.escape(formula.strip())}</code>"
    if display == "block":
        return f'<p class="latex">This formula cannot be set here; its LaTeX is {code}</p>'
    return f'<span class="latex"><small>LaTeX</small> {code}</span>'
