"""Colours and styles of terminal text as HTML with sufficient contrast in light and dark mode.

A colour is darkened on the light paper and lightened on the dark one until its contrast is 4.5,
which WCAG 2.2 (success criterion 1.4.3) asks of text.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

Colour = tuple[int, int, int]
# The background: `--shade` of page.css in light and dark mode.
_DAY, _NIGHT = (249, 250, 251), (31, 35, 39)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_CONTRAST = 4.5
# The sixteen colours of xterm.
_SIXTEEN = [
    *[_BLACK, (205, 0, 0), (0, 205, 0), (205, 205, 0)],
    *[(0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)],
    *[(127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0)],
    *[(92, 92, 255), (255, 0, 255), (0, 255, 255), _WHITE],
]
_FORMS = {
    1: "font-weight:700",
    2: "opacity:.75",
    3: "font-style:italic",
    4: "text-decoration:underline",
    9: "text-decoration:line-through",
}
# The styles that a code resets.
_ENDS = {22: (1, 2), 23: (3,), 24: (4,), 27: (7,), 28: (8,), 29: (9,)}


class Ink(NamedTuple):
    """Foreground, background, and the ECMA-48 codes of the styles."""

    front: Colour | None = None
    back: Colour | None = None
    forms: frozenset[int] = frozenset()

    def changed(self, numbers: str) -> Ink:
        """The ink after a sequence with these numbers (`1;31`, `38;5;208`, `38:2::255:0:0`)."""
        ink = self
        codes = _codes(numbers)
        for code in codes:
            if code == 0:
                ink = PLAIN
            elif code in _ENDS:
                ink = ink._replace(forms=ink.forms.difference(_ENDS[code]))
            elif code in (38, 48):
                ink = ink._with(code, _extended(codes))
            elif code in (39, 49):
                ink = ink._with(code - 1, None)
            elif 30 <= code % 60 <= 37 and code < 100:
                ink = ink._with(38, _SIXTEEN[code % 60 - 30 + 8 * (code > 60)])
            elif 40 <= code % 60 <= 47:
                ink = ink._with(48, _SIXTEEN[code % 60 - 40 + 8 * (code > 60)])
            elif code < 10:
                ink = ink._replace(forms=ink.forms | {code})
        return ink

    def _with(self, code: int, colour: Colour | None) -> Ink:
        return self._replace(front=colour) if code == 38 else self._replace(back=colour)


PLAIN = Ink()


def span(text: str, ink: Ink) -> str:
    """The text, which is escaped, with these colours and styles."""
    style = _style(ink)
    return f'<span style="{style}">{text}</span>' if style else text


@functools.lru_cache(4096)
def _style(ink: Ink) -> str:
    front, back, forms = ink
    parts = [_FORMS[form] for form in sorted(forms & _FORMS.keys())]
    if {4, 9} <= forms:
        parts = [p for p in parts if "decoration" not in p]
        parts.append("text-decoration:underline line-through")
    if 8 in forms:
        parts.append("visibility:hidden")
    if 7 in forms and front is None and back is None:
        return ";".join([*parts, "color:var(--paper)", "background:var(--ink)"])
    if 7 in forms:
        front, back = back, front
    if back is not None:
        if front is None or _contrast(front, back) < 3:
            front = max(_BLACK, _WHITE, key=lambda colour: _contrast(colour, back))
        parts += [f"color:{_css(front)}", f"background:{_css(back)}"]
    elif front is not None:
        day, night = _legible(front, _DAY, _BLACK), _legible(front, _NIGHT, _WHITE)
        parts.append(f"color:light-dark({_css(day)},{_css(night)})")
    return ";".join(parts)


def _codes(numbers: str) -> Iterator[int]:
    """The codes one by one, without those after a colon unless they are a colour's."""
    for part in numbers.split(";"):
        head, *more = part.split(":")
        values = [head, *([m for m in more if m] if head in ("38", "48") else [])]
        # `4:0` resets the underline.
        values = ["24"] if part == "4:0" else values
        for value in values:
            yield int(value) if value.isdecimal() and len(value) < 4 else 0 if not value else -1


def _extended(codes: Iterator[int]) -> Colour | None:
    """One of the 256 colours (5;N) or an RGB colour (2;R;G;B); None for other codes."""
    kind = next(codes, -1)
    if kind == 2:
        parts = tuple(next(codes, -1) for _ in range(3))
        return parts if all(0 <= part <= 255 for part in parts) else None
    number = next(codes, -1) if kind == 5 else -1
    if 0 <= number < 16:
        return _SIXTEEN[number]
    if 16 <= number < 232:
        places = divmod(number - 16, 36)
        levels = [places[0], *divmod(places[1], 6)]
        return tuple(40 * level + 55 if level else 0 for level in levels)
    return (10 * (number - 232) + 8,) * 3 if 232 <= number < 256 else None


def _legible(colour: Colour, paper: Colour, towards: Colour) -> Colour:
    """The colour, mixed with black or white until its contrast suffices."""
    for tenths in range(11):
        pairs = zip(colour, towards, strict=True)
        mixed = tuple((c * (10 - tenths) + t * tenths) // 10 for c, t in pairs)
        if _contrast(mixed, paper) >= _CONTRAST:
            return mixed
    return towards


def _contrast(one: Colour, other: Colour) -> float:
    """The ratio of two colours' luminances, from 1 to 21 (WCAG 2.2, contrast ratio)."""
    dark, light = sorted([_luminance(one), _luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    linear = [_linear(part / 255) for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _css(colour: Colour) -> str:
    return "#" + bytes(colour).hex()
