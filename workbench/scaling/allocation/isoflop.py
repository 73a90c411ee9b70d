"""Optima read off runs of equal compute: parabolas, interpolation, and their bias."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.base.checks import refuse
from workbench.scaling import tables
from workbench.scaling.allocation.optimum import optimal_split
from workbench.scaling.allocation.vertices import vertex, vertex_error

# Budgets within this factor of each other count as one.
SAME_BUDGET = 1.02


class IsoFlop(NamedTuple):
    """The optimum at every budget and the line through them.

    Attributes:
        budgets: compute [FLOP].
        parameters: N at each vertex.
        tokens: D at each vertex.
        losses: loss at each vertex.
        errors: standard error of log N at each vertex; NaN where it is not determined.
        rows: runs used at each budget.
        outside: budgets whose vertex is beyond its runs, or whose runs have no minimum; the line
            does not use them.
        exponent: a of N ∝ C^a.
        exponent_error: its standard error.
        prefactor: N at one FLOP, by the line.
        bias: relative error of the line's D when the law of `bias` holds, at ten times the largest
            budget; NaN where no law was given.
        method: "parabola" or "akima".
    """

    budgets: np.ndarray
    parameters: np.ndarray
    tokens: np.ndarray
    losses: np.ndarray
    errors: np.ndarray
    rows: np.ndarray
    outside: tuple[float, ...]
    exponent: float
    exponent_error: float
    prefactor: float
    bias: float
    method: str


def isoflop(
    table: Any,
    method: str = "parabola",
    *,
    law: Mapping[str, float] | None = None,
    flop: float = 6.0,
    columns: Mapping[str, str] | None = None,
    noise: float | None = None,
) -> IsoFlop:
    """The compute-optimal sizes from runs at a few budgets.

    Args:
        table: columns `compute`, `parameters`, `loss`.
        method: "parabola" fits log N ↦ loss by least squares; "akima" interpolates log loss in
            log N and finds the interpolant's minimum.
        law: parameters of a Chinchilla law fitted to the same runs; if given, the bias of
            the same grid under it is estimated from noise-free losses.
        flop: FLOP a parameter and token, for D = C / (flop N).
        columns: the table's names for the three columns.
        noise: standard deviation of log loss from seed to seed, for the vertices' errors; None
            estimates it at each budget from the runs themselves.

    Raises:
        ValueError: for one budget only, or fewer than two budgets with three runs and a vertex.

    Source:
        Hoffmann et al. (2022), Approach 2; Porian et al. (2024), section 3 (Akima); Czech et al.
        (2026) for the bias.
    """
    if method not in ("parabola", "akima"):
        refuse("method", "'parabola' or 'akima'", method)
    if noise is not None and not (np.isfinite(noise) and noise >= 0):
        refuse("noise", "a number of at least 0, or None", noise)
    names = {**{c: c for c in ("compute", "parameters", "loss")}, **(columns or {})}
    read = {k: v for k, v in zip(names, tables.read(table, list(names.values())).values(),
                                 strict=True)}  # fmt: skip
    tables.positive(read)
    groups = _budgets(read["compute"])
    if groups.max() == 0:
        refuse("compute", "at more than one budget", float(read["compute"][0]))
    vertices = _vertices(read, groups, method, noise)
    reading = _line(vertices, method, flop)
    if law is None:
        return reading
    return reading._replace(bias=_grid_bias(read, law, method, flop))


def bias(
    law: Mapping[str, float],
    budgets: Any,
    target: float,
    *,
    width: float = 16.0,
    points: int = 15,
    offset: float = 1.0,
    flop: float = 6.0,
    method: str = "parabola",
) -> float:
    """The relative error of extrapolated tokens from runs without noise.

    Runs at each budget lie on a logarithmic grid of tokens around the true optimum; vertices are
    read by `method` in log D, and a line in log-log through them is drawn to the target.

    Args:
        law: A, B, E, alpha, beta; with alpha = beta and offset 1 a centred grid has no bias.
        budgets: budgets of the runs [FLOP].
        target: the budget extrapolated to.
        width: the grid reaches from the optimum / width to the optimum · width.
        points: runs a budget, at least 3.
        offset: the grid's centre over the optimum.
        flop: FLOP a parameter and token.
        method: "parabola" or "akima".

    Source:
        Czech et al. (2026), arXiv:2603.22339.
    """
    if not width > 1:
        refuse("width", "above 1", width)
    if points < 3:
        refuse("points", "at least 3", points)
    c = np.asarray(budgets, np.float64)
    best = np.log10(optimal_split(law, c, flop).tokens * offset)
    grid = np.linspace(-np.log10(width), np.log10(width), points)
    tokens = 10 ** (best[:, None] + grid)
    sizes = c[:, None] / flop / tokens
    a, b, e = law["A"], law["B"], law["E"]
    loss = e + a / sizes ** law["alpha"] + b / tokens ** law["beta"]
    vertices = [
        vertex(np.log10(x), y, method)[0] for x, y in zip(tokens, loss, strict=True)
    ]  # fmt: skip
    slope, start = np.polyfit(np.log10(c), vertices, 1)
    reached = 10 ** (start + slope * np.log10(target))
    return float(reached / optimal_split(law, target, flop).tokens - 1)


def _budgets(compute: Array) -> Array:
    """A number for each row's budget, ascending, budgets within 2 % together."""
    order = np.argsort(compute, kind="stable")
    jumps = np.diff(np.log(compute[order])) > np.log(SAME_BUDGET)
    groups = np.empty(len(compute), int)
    groups[order] = np.concatenate([[0], np.cumsum(jumps)])
    return groups


def _vertices(
    read: dict[str, Array], groups: Array, method: str, noise: float | None, errors: bool = True
) -> list[tuple]:
    """(budget, log10 N, loss, error of log N, rows, inside) at every budget."""
    vertices = []
    for group in range(groups.max() + 1):
        mine = groups == group
        x, y = np.log10(read["parameters"][mine]), read["loss"][mine]
        budget = float(np.exp(np.log(read["compute"][mine]).mean()))
        if len(np.unique(x)) < 3:
            vertices.append((budget, np.nan, np.nan, np.nan, len(x), False))
            continue
        at, loss = vertex(x, y, method)
        inside = bool(np.isfinite(at) and x.min() <= at <= x.max())
        error = vertex_error(x, y, method, noise) if inside and errors else np.nan
        vertices.append((budget, at, loss, error * np.log(10), len(x), inside))
    return vertices


def _line(vertices: list[tuple], method: str, flop: float) -> IsoFlop:
    good = np.array([f[:5] for f in vertices if f[5]]).reshape(-1, 5)
    outside = tuple(f[0] for f in vertices if not f[5])
    if len(good) < 2:
        refuse("table", "of at least two budgets whose minimum lies among their runs", len(good))
    budgets, at, loss, errors, rows = good.T
    x = np.log10(budgets)
    slope, start = np.polyfit(x, at, 1)
    residuals = at - (start + slope * x)
    error = np.nan
    if len(x) > 2:
        error = np.sqrt((residuals**2).sum() / (len(x) - 2) / ((x - x.mean()) ** 2).sum())
    sizes = 10**at
    return IsoFlop(
        budgets, sizes, budgets / flop / sizes, loss, errors, rows.astype(int), outside,
        float(slope), float(error), float(10**start), float("nan"), method,
    )  # fmt: skip


def _grid_bias(read: dict[str, Array], law: Mapping, method: str, flop: float) -> float:
    """The error of the same grid on the law's own losses, at ten times the largest budget."""
    n = read["parameters"]
    d = read["compute"] / flop / n
    clean = law["E"] + law["A"] / n ** law["alpha"] + law["B"] / d ** law["beta"]
    line = _line(
        _vertices({**read, "loss": clean}, _budgets(read["compute"]), method, None, errors=False),
        method,
        flop,
    )
    target = 10 * read["compute"].max()
    reached = target / flop / (line.prefactor * target**line.exponent)
    return float(reached / optimal_split(law, target, flop).tokens - 1)
