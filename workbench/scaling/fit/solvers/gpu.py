"""The solver as a CUDA kernel, for tables that live on a GPU as CuPy arrays: one fit a warp.

The kernel's text is `cuda/descent.cu`; what one fit computes `cuda/descent.h`; the law at one
point `cuda/chinchilla.h`, or `cuda/tape.h` for every other one, whose program becomes constants
of the text, so that a law is compiled once and its steps are unrolled.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.base.array import Array, host, like, namespace
from workbench.base.checks import refuse
from workbench.scaling.fit.solvers.problem import Problem
from workbench.scaling.laws.tape import Program

SOURCE = Path(__file__).parent / "cuda" / "descent.cu"
HEADERS = sorted(SOURCE.parent.glob("*.h"))
WARPS = 4
BLOCKS = 1024
FITS_AT_ONCE = 1 << 20
POINTS_AT_ONCE = 1 << 23
# A parameter is one bit of a word.
MOST_PARAMETERS = 32


class Packed(NamedTuple):
    """The points of all fits concatenated, those without weight left out.

    Attributes:
        columns: the program's data, (data, used).
        target: the observed values, (used,).
        weight: none of them zero, (used,).
        places: the first point of each fit and their count, (fits, 2); fits that share their points
            and weights, as the starts of one resample do, share their place.
    """

    columns: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    places: np.ndarray


def fit_all(
    fast: bool, problem: Problem, theta: Array, schedule: Array, settings: tuple, out: Array
) -> None:
    """Every fit of the problem; θ moves in place, `out` takes objective, iterations, decrement.

    Memory on the GPU in bytes: 8 (data + 2) a point, resamples counted apart, and 8 (parameters +
    5) a fit, at most 2^23 points and 2^20 fits at a time.

    Args:
        fast: whether the program is Chinchilla's and its own kernel may be used.
        problem: with `home` on a GPU.
        theta: slots on the host, (fits, parameters).
        schedule: the deltas.
        settings: as `solver_settings` returns them.
        out: on the host, (fits, 3).
    """
    text = source(problem.program, fast)
    for some in pieces(problem.places):
        part = problem._replace(places=problem.places[some])
        theta[some], out[some] = _launched(text, part, theta[some], schedule, settings)


def source(program: Program, fast: bool) -> str:
    """The kernel's text for a law.

    Raises:
        ValueError: if the law has more than 32 parameters.
    """
    # CuPy's cache is keyed by this text, which must change when a header does.
    lines = [f"// headers {zlib.crc32(b''.join(h.read_bytes() for h in HEADERS)):08x}"]
    if fast:
        lines += ["#define LAW Chinchilla"]
    else:
        width = len(program.parameters)
        if width > MOST_PARAMETERS:
            refuse("law", f"of at most {MOST_PARAMETERS} parameters on a GPU", width)
        needs = program.needs @ (1 << np.arange(width))
        steps = np.stack([program.code, program.left, program.right, needs], axis=1)
        lines += [
            "#define LAW Tape",
            f"#define PARAMETERS {width}",
            f"#define DATA {len(program.data)}",
            "#define STEPS " + ", ".join(f"{n}u" if n >= 1 << 31 else str(n) for n in steps.flat),
        ]
    return "\n".join([*lines, SOURCE.read_text()])


def pieces(places: Array) -> Iterator[slice]:
    """Slices of fits small enough for one launch."""
    points = np.cumsum(np.where(_changes(places), places[:, 1] - places[:, 0], 0))
    piece = points // POINTS_AT_ONCE + np.arange(len(places)) // FITS_AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(places)]
    return (slice(a, b) for a, b in zip(cuts[:-1], cuts[1:], strict=True) if a < b)


def packed(problem: Problem) -> Packed:
    """The points that the kernel reads."""
    new = _changes(problem.places)
    start, stop, row = problem.places[new].T
    size = stop - start
    owner = np.repeat(np.arange(len(size)), size)
    point = np.arange(len(owner)) + np.repeat(start - np.cumsum(size) + size, size)
    weight = problem.weights[row[owner], point]
    used = np.flatnonzero(weight)
    count = np.bincount(owner[used], minlength=len(size))
    places = np.stack([np.cumsum(count) - count, count], axis=1)[np.cumsum(new) - 1]
    columns = np.ascontiguousarray(problem.data[:, point[used]])
    return Packed(columns, problem.target[point[used]], weight[used], places)


def _changes(places: Array) -> Array:
    """Which fits have other points or weights than the fit before."""
    return np.append(True, (places[1:] != places[:-1]).any(axis=1))[: len(places)]


def _launched(
    text: str, problem: Problem, theta: Array, schedule: Array, settings: tuple
) -> tuple[Array, Array]:
    """Final slots and outcomes of the fits of one piece; host arrays."""

    def put(values: Any, kind: type = np.float64) -> Array:
        return like(np.array(values, kind, order="C"), problem.home)

    points, fits = packed(problem), len(theta)
    at, outcome = put(theta), put(np.zeros((fits, 3)))
    kernel = _compiled(namespace(problem.home), text)
    arguments = (
        put(points.columns), put(points.target), put(points.weight), np.int64(len(points.target)),
        put(points.places, np.int64), np.int64(fits), at, put(problem.low), put(problem.high),
        np.int32(problem.cost.code), np.float64(problem.cost.shape), put(schedule),
        np.int32(len(schedule)), put(settings), put([0], np.uint64), outcome,
    )  # fmt: skip
    kernel((min(BLOCKS, -(-fits // WARPS)),), (32 * WARPS,), arguments)
    return host(at), host(outcome)


@cache
def _compiled(xp: Any, text: str) -> Any:
    options = ("-std=c++17", f"-I{SOURCE.parent}")
    return xp.RawModule(code=text, options=options).get_function("fit_all")
