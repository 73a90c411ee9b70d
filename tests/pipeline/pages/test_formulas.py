r"""Formulas of a page: macros carry over, and what cannot be laid out stands as it was written."""

import pytest
import toy_notebooks
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from page_parts import record

from workbench.pages.page import page
from workbench.pages.text import delimiters
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
        (r"\begin{align} a &= b \\[4pt] c &= d \nonumber \end{align}", "a=b(1)c=d"),
        (r"\begin{aligned}[t] a &= b \end{aligned}", "a=b"),
        (r"\begin{alignat}{2} a &= b & c &= d \end{alignat}", "a=bc=d(1)"),
        (r"\begin{eqnarray} a &=& b \end{eqnarray}", "a=b(1)"),
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


def read(*texts):
    """Texts of one page, numbered before the first is set, so that one may refer to a later one."""
    formulas = Formulas()
    numbered = [formulas.equations.numbered(text) for text in texts]
    return [made(text, formulas) for text in numbered]


def test_a_reference_has_the_number_of_its_equation_and_leads_to_it():
    equation = r"$$\begin{align} a &= b \tag{7} \label{one} \\ c \label{two}\tag{A} \end{align}$$"
    text, equations = read(r"See $\eqref{one}$, \eqref{two} and \ref{two}.", equation)
    assert text.text.strip() == "See (7), (A) and A."
    ids = {anchor["id"] for anchor in equations.select("a[id]")}
    assert {link["href"].removeprefix("#") for link in text.select("a")} == ids
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        (r"\begin{equation} a \label{x} \end{equation}", ["(1)"]),
        (r"\begin{align} a \\ b \notag \\ c \label{x} \\ \end{align}", ["(1)", "(2)"]),
        (r"\begin{gather} a \\[4pt] b \label{x} \end{gather}", ["(1)", "(2)"]),
        (r"\begin{multline} a \\ b \label{x} \end{multline}", ["(1)"]),
        (r"\begin{equation}\begin{split} a \\ b \end{split}\label{x}\end{equation}", ["(1)"]),
        (
            r"\begin{align} \begin{cases} a \\ b \end{cases} \\ c \label{x} \end{align}",
            ["(1)", "(2)"],
        ),
        ("\\begin{equation} a \\label{x} % why\n\\end{equation}", ["(1)"]),
        (r"\begin{align} a \tag{7} \\ b \label{x} \end{align}", ["(7)", "(1)"]),
        (r"$$ a $$ $$ b \label{x} $$", ["(1)"]),
        (r"\begin{align*} a \\ b \label{x} \end{align*}", ["(1)"]),
        (r"$$\begin{aligned} a \\ b \end{aligned} \label{x}$$", ["(1)"]),
        (r"`\begin{equation} a \end{equation}` $$ b \label{x} $$", ["(1)"]),
    ],
)
def test_equations_are_numbered_as_mathjax_does(source, numbers):
    page, later = read(source, r"\eqref{x} $y = \ref{x}$ \begin{equation} z \end{equation}")
    assert [one.text for one in page.select("mtext")] == numbers
    assert later.a.text == numbers[-1]
    # MathJax counts on from one cell to the next.
    after = 2 if numbers == ["(1)", "(2)"] else 1
    assert [one.text for one in later.select("mtext")] == [str(after), f"({after + 1})"]


def test_a_page_numbers_its_cells_and_outputs_in_order():
    cell = toy_notebooks.code("1", "a")
    equation = r"\begin{equation} a \label{%s} \end{equation}"
    cell.outputs = [new_output("display_data", {"text/latex": equation % "one", "text/plain": "a"})]
    texts = [new_markdown_cell(r"\eqref{two} after \eqref{one}"), cell]
    texts.append(new_markdown_cell(equation % "two"))
    story = BeautifulSoup(page(new_notebook(cells=texts), record()), "html.parser")
    assert story.select_one(".prose").text.strip() == "(2) after (1)"
    assert [one.text for one in story.select("mtext")] == ["(1)", "(2)"]


@pytest.mark.parametrize(
    "source",
    [
        r"\begin{align} " * 3000,
        r"\end{a}" + r"\begin{a} " * 3000,
        "".join(rf"\begin{{{'a' * n}}}" for n in range(1, 300)),
        r"\\[ " * 10_000,
        r"\\( " * 10_000,
        " ".join("`" * n for n in range(1, 300)),
    ],
)
def test_the_end_of_what_nothing_ends_is_not_searched_again_and_again(monkeypatch, source):
    """Each search would read the rest of the text: 3,000 of them took five seconds."""
    whole, failed = delimiters._WHOLE, []

    class Counted:
        def match(self, text, place):
            found = whole.match(text, place)
            failed.extend([place] if found is None else [])
            return found

    monkeypatch.setattr(delimiters, "_WHOLE", Counted())
    assert delimiters.replaced(source + "$x$", lambda found: "?") == f"{source}?"
    assert len(failed) < 3


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
