"""Streams and texts on a page stand as a terminal leaves them."""

import re

import pytest
from bs4 import BeautifulSoup

from workbench.pages.cells.terminal import screens, terminal_html


def text(source):
    return BeautifulSoup(terminal_html(source), "html.parser").text


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("\rstep 0\rstep 1\rstep 2", "step 2"),
        ("a longer line\rshort", "shortger line"),
        ("a longer line\r\x1b[Kshort", "short"),
        ("1/10\b\b\b\b10/10", "10/10"),
        ("one\r\ntwo\n", "one\ntwo"),
        ("a\n\n\nb", "a\n\n\nb"),
        ("outer 1\ninner 1\x1b[A\router 2\n\rinner 2\n", "outer 2\ninner 2"),
        ("x\ny\x1b[2J\x1b[Hz", "z"),
        ("abc\x1b[2Dx\x1b[5Gy", "axc y"),
        ("\x1b]8;;https://e.example\x1b\\link\x1b]8;;\x1b\\ \x1b]0;title\x07.", "link ."),
        ("\x1b[?25l\x1b(B\x1b=a\x07\x1b[?2004h", "a"),
        ("\x1b[31mred\x1b[0m \x1b[1;38;5;208mx\x1b[m <b>&", "red x <b>&"),
        ("\x1b[99999999999B\x1b[99999999999Ca\x1b[", None),
        ("日本\r語", "語本"),
        ("a\x1b[" + "9" * 5000 + "Db\x1b[" + "9" * 5000 + "m", "b"),
    ],
)
def test_what_a_terminal_would_show(written, left):
    assert text(written).strip("\n") == left or (left is None and len(text(written)) < 30_000)


def test_no_sequence_opens_more_than_a_screen():
    assert len(terminal_html("\x1b[1000Bx\x1b[1000C" * 1000)) < 10_000


def test_pieces_of_a_stream_are_one_text_and_streams_keep_their_order():
    assert screens([("stdout", "epoch 0\n"), ("stdout", "epoch 1\n")]) == [
        ("stdout", "epoch 0\nepoch 1")
    ]
    bar = [("stderr", "\r 10%"), ("stdout", "a\n"), ("stderr", "\r 20%"), ("stdout", "b\n")]
    assert screens(bar) == [("stderr", " 20%"), ("stdout", "a\nb")]
    assert screens([("stdout", "a\n"), ("stderr", "w\n"), ("stdout", "b\n")]) == [
        ("stdout", "a"),
        ("stderr", "w"),
        ("stdout", "b"),
    ]


def contrast(one, other):
    """WCAG's, written another way than the code."""

    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p < 0.04 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) + 0.05

    a, b = light(one), light(other)
    return max(a, b) / min(a, b)


CODES = [*map(str, (*range(30, 38), *range(90, 98))), *(f"38;5;{n}" for n in range(0, 256, 5))]
CODES += ["38;2;255;255;0", "38;2;0;0;90", "38:2::255:250:250"]


@pytest.mark.parametrize("code", CODES)
def test_letters_of_every_colour_are_legible_by_day_and_by_night(code):
    day, night = re.findall("#[0-9a-f]{6}", terminal_html(f"\x1b[{code}mx\x1b[0m"))
    assert contrast(day, "#f9fafb") >= 4.5
    assert contrast(night, "#1f2327") >= 4.5


@pytest.mark.parametrize("code", ["41", "107", "48;5;226", "48;2;0;0;90", "33;43", "30;40"])
def test_letters_on_a_ground_are_legible(code):
    front, back = re.findall("#[0-9a-f]{6}", terminal_html(f"\x1b[{code}mx"))
    assert contrast(front, back) >= 3


def test_the_colours_are_those_that_were_meant():
    made = terminal_html(
        "\x1b[38;5;196ma\x1b[48;2;1;2;3mb\x1b[49;39mc\x1b[1;3;4;9md\x1b[22;23;24;29me"
    )
    assert "light-dark(#" in made.split("a</span>")[0]
    assert "color:#ff0000;background:#010203" in made
    assert "c<span" in made
    for form in ("font-weight:700", "font-style:italic", "underline line-through"):
        assert form in made
    assert made.endswith("</span>e")
    assert "var(--paper)" in terminal_html("\x1b[7mx\x1b[27m")
