r"""Formulas of a page: macros carry over, and what cannot be laid out stands as it was written."""

import pytest
from bs4 import BeautifulSoup

from workbench.pages.text.formulas import Formulas
from workbench.pages.text.prose import markdown


def made(source, formulas=None):
    return BeautifulSoup(markdown(source, formulas=formulas), "html.parser")


@pytest.mark.parametrize(
    "formula",
    [
        r"\eqref{nowhere}",
        r"\foo{x}",
        r"a \ce{H2O}",
        r"x^",
        r"\frac{1}",
        r"{a",
        "a & b",
        r"\begin{CD} A @>>> B \end{CD}",
        r"\genfrac{(}{)}{0pt}{}{a}{b}",
        r"\newcommand{\x}{\x} \x",
        r"\newcommand{\x",
        r"\text{a \emph{b}}",
    ],
)
@pytest.mark.parametrize("mark", ["$", "$$"])
def test_what_cannot_be_laid_out_is_its_source_and_marked(formula, mark):
    page = made(f"before {mark}{formula}{mark} after")
    assert not page.select("math")
    assert page.select_one(".latex code").text == formula
    assert "LaTeX" in page.select_one(".latex").text
    assert page.text.startswith("before")
    assert page.text.strip().endswith("after")


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"\operatorname{argmin}", "argmin"),
        (r"\arg\max_\theta f", "argmaxθf"),
        (r"\begin{align} a &= b \\[4pt] c &= d \nonumber \end{align}", "a=bc=d"),
        (r"\begin{aligned}[t] a &= b \end{aligned}", "a=b"),
        (r"\begin{alignat}{2} a &= b & c &= d \end{alignat}", "a=bc=d"),
        (r"\begin{eqnarray} a &=& b \end{eqnarray}", "a=b"),
        (r"\begin{dcases} a & x \\ b & y \end{dcases}", "{axby"),
        (r"a = b \tag{7} \label{x}", "a=b(7)"),
        (r"a \tag*{x}", "ax"),
        (r"\text{if $x$ is 5\% of \$1}", "if x is 5% of $1"),
        (r"\Bigl\{ x \Bigr\}", "{x}"),
        (r"x % a comment", "x"),
        (r"\newcommand{\R}{\mathbb{R}} x^\R", "xℝ"),
        (r"\def\b#1{\bar#1} \b x", "x¯"),
        (r"\newcommand{\f}[2][q]{#1/#2} \f[a]{b}\f c", "a/bq/c"),
        (r"\let\e=\varepsilon \e", "ε"),
        (r"\DeclareMathOperator*{\argmin}{arg\,min} \argmin_x", "argminx"),
        (r"\newcommand\ket[1]{\left|#1\right\rangle} \ket\psi", "|ψ⟩"),
    ],
)
def test_what_can_be_laid_out_is(formula, text):
    page = made(f"$${formula}$$")
    (math,) = page.select("math")
    assert math.text.replace("\xa0", " ").strip() == text
    assert not page.select(".latex")


def test_macros_carry_over_and_a_definition_shows_nothing():
    formulas = Formulas()
    assert made(r"$\newcommand{\vect}[1]{\mathbf{#1}}$", formulas).text.strip() == ""
    assert made(r"$\vect{x}$", formulas).math.text == "𝐱"
    assert made(r"$\renewcommand{\vect}[1]{#1'}\vect{x}$", formulas).math.text == "x′"
    assert made(r"$\providecommand{\vect}[1]{no}\vect{x}$", formulas).math.text == "x′"
    assert made(r"$\vect{x}$").select(".latex")  # another page does not know them


def test_a_reference_has_the_number_of_its_equation():
    equation = r"$$\begin{align} a &= b \tag{7} \label{one} \\ c \label{two}\tag{A} \end{align}$$"
    text = r"See $\eqref{one}$, \eqref{two} and \ref{two}."
    assert made(text, Formulas([text, equation])).text.strip() == "See (7), (A) and A."


def test_formulas_stand_in_tables_lists_and_html_and_never_in_code():
    page = made(
        "| $|x|$ | b |\n|---|---|\n| $a_1 b_1$ | \\$5 and \\$6 |\n\n- item\n  $$\n  c\n  $$\n\n"
        "<div>$d$</div>\n\n`$e$` and ``$`f`$``\n\n```python\ncost = '$g$'\n```\n\n\n    $h$\n"
    )
    assert [m.text for m in page.select("math")] == ["|x|", "a1b1", "c", "d"]
    assert len(page.select("th")) == 2
    assert "$5 and $6" in page.text
    assert [c.text.strip() for c in page.select("code")][:2] == ["$e$", "$`f`$"]
    assert "$g$" in page.text
    assert "$h$" in page.select("pre")[-1].text


def test_a_blank_line_ends_no_dollar_s_pair():
    assert not made("It costs $5.\n\nOr $6.").select("math")
    assert made("Over\n$$\na =\n\nb\n$$\nlines").select_one("math").text == "a=b"
