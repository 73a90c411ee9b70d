"""The minimum of the losses of one compute budget: a parabola's vertex, or an interpolant's."""

from __future__ import annotations

import numpy as np

from workbench.base.array import Array


def vertex(x: Array, y: Array, method: str) -> tuple[float, float]:
    """The position of the minimum and its loss; NaN where there is none.

    Args:
        x: log10 of sizes, at least three different ones.
        y: losses.
        method: "parabola" fits y by least squares, "akima" interpolates log y, runs of one size
            averaged first.
    """
    if method == "akima":
        sizes, _, mean = _averaged(x, y)
        at, logged = _lowest(sizes, mean)
        return at, float(np.exp(logged))
    _, c, _ = _parabola(x, y)
    if c[2] <= 0:
        return np.nan, np.nan
    at = -c[1] / (2 * c[2])
    return float(x.mean() + at), float(c[0] + c[1] * at + c[2] * at * at)


def vertex_error(x: Array, y: Array, method: str, noise: float | None) -> float:
    """The standard error of the minimum's position, by the delta method.

    For Akima's interpolant the slopes are differences over a step of the noise itself; where such
    a step moves the minimum to an end, the runs do not determine it, and the error is infinite.

    Args:
        x: log10 of sizes.
        y: losses, with a minimum among them.
        method: "parabola" or "akima".
        noise: standard deviation of log y; None estimates it from the runs: the parabola's own
            residuals, or for an interpolant, which has none, those of a cubic. NaN comes back
            without a degree of freedom for that.

    Source:
        Porian et al. (2024), section 3, redraw noise that they measured on repeated seeds.
    """
    if method == "akima":
        return _akima_error(x, y, _cubic_noise(x, np.log(y)) if noise is None else noise)
    design, c, freedom = _parabola(x, y)
    if noise is None:
        variance = ((y - design @ c) ** 2).sum() / freedom if freedom > 0 else np.nan
    else:
        variance = (noise * vertex(x, y, method)[1]) ** 2
    slope = np.array([0.0, -1 / (2 * c[2]), c[1] / (2 * c[2] ** 2)])
    return float(np.sqrt(variance * slope @ np.linalg.inv(design.T @ design) @ slope))


def _parabola(x: Array, y: Array) -> tuple[Array, Array, int]:
    """The design about the middle, its three coefficients, and the degrees of freedom."""
    z = x - x.mean()
    design = np.stack([np.ones_like(z), z, z * z], axis=1)
    return design, np.linalg.lstsq(design, y, rcond=None)[0], len(x) - 3


def _averaged(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Different sizes, runs of each, and their mean log loss."""
    sizes, place = np.unique(x, return_inverse=True)
    runs = np.bincount(place)
    return sizes, runs, np.bincount(place, np.log(y)) / runs


def _akima_error(x: Array, y: Array, noise: float) -> float:
    sizes, runs, mean = _averaged(x, y)
    if not np.isfinite(noise):
        return np.nan
    steps = np.diag(noise / np.sqrt(runs))
    moved = np.array([[_lowest(sizes, mean + s * row)[0] for row in steps] for s in (1, -1)])
    if not np.isfinite(moved).all():
        return np.inf
    return float(np.sqrt((((moved[0] - moved[1]) / 2) ** 2).sum()))


def _lowest(sizes: Array, mean: Array) -> tuple[float, float]:
    """The interpolant's lowest point inside its ends, NaN if it lies on one."""
    from scipy.interpolate import Akima1DInterpolator

    curve = Akima1DInterpolator(sizes, mean)
    stationary = curve.derivative().roots(extrapolate=False)
    places = np.concatenate([stationary[np.isfinite(stationary)], sizes])
    values = curve(places)
    at = places[np.argmin(values)]
    if at in (sizes[0], sizes[-1]):
        return np.nan, np.nan
    return float(at), float(values.min())


def _cubic_noise(x: Array, y: Array) -> float:
    """The residuals' standard deviation about a cubic, which fits an asymmetric minimum."""
    freedom = len(x) - 4
    if freedom < 1 or len(np.unique(x)) < 4:
        return np.nan
    residuals = y - np.polynomial.Polynomial.fit(x, y, 3)(x)
    return float(np.sqrt((residuals**2).sum() / freedom))
