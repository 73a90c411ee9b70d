"""Standard errors of a fit by three methods: curvature, profile, bootstrap."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from workbench.base.rows import Rows
from workbench.scaling.fit.result import Fit, FitWarning
from workbench.scaling.inference.bootstrap import Bootstrap, bootstrap
from workbench.scaling.inference.curvature import covariance
from workbench.scaling.inference.estimates import Estimates, estimated
from workbench.scaling.inference.profile import profile, students

# Errors that differ by more than this factor do not describe the same thing.
APART = 1.5


@dataclass(frozen=True)
class Errors:
    """Standard errors and intervals of the free parameters, by three methods.

    Errors are those of what was fitted: of the logarithm of a coefficient, of an exponent itself.
    They are infinite where the rows do not determine it, and NaN on a bound, where only an interval
    makes sense.

    Attributes:
        parameters: the free parameters.
        curvature: from the second derivative at the minimum, which assumes the noise model.
        profile: the width of the profile's interval over 2 t, which assumes the noise model but no
            parabola.
        bootstrap: from resampled rows, which assumes neither.
        correlation: of the slots, from the curvature.
        condition: the condition number of the normal matrix.
        disagreement: the largest ratio between two of the three, by parameter; NaN where one of
            them is not finite.
        estimates: each parameter with its 95 % interval, which verdicts use.
    """

    parameters: tuple[str, ...]
    curvature: dict[str, float]
    profile: dict[str, float]
    bootstrap: dict[str, float]
    correlation: np.ndarray
    condition: float
    disagreement: dict[str, float]
    estimates: Estimates

    @property
    def rows(self) -> Rows:
        """The three side by side, a parameter a row."""
        names = ("standard error of", "curvature", "profile", "bootstrap", "largest ratio")
        routes = (self.curvature, self.profile, self.bootstrap, self.disagreement)
        logged = self.estimates.logged
        labels = [f"log {p}" if p in logged else p for p in self.parameters]
        each = [[route[p] for route in routes] for p in self.parameters]
        return Rows(names, [(t, *e) for t, e in zip(labels, each, strict=True)])


def standard_errors(fit: Fit, resamples: int | Bootstrap = 1000, rng: int = 0) -> Errors:
    """The three side by side, with a warning when they disagree by more than a factor 1.5.

    Args:
        fit: the fit.
        resamples: how many pairs to draw, or a bootstrap.
        rng: seed or generator of the draws.

    Warns:
        FitWarning: naming the parameters whose errors differ, and by how much; and those that are
            not determined.
    """
    drawn = resamples if isinstance(resamples, Bootstrap) else bootstrap(fit, resamples, rng=rng)
    matrix = covariance(fit)
    profiles = {p: profile(fit, p) for p in fit.free}
    slots = dict(zip(fit.free, map(float, np.sqrt(np.diag(matrix))), strict=True))
    widths = {p: _half_width(fit, p, one.ends) for p, one in profiles.items()}
    draws = {p: np.nan if p in fit.bounded else drawn.deviations[p] for p in fit.free}
    apart = {p: _apart(slots[p], widths[p], draws[p]) for p in fit.free}
    estimates = estimated(fit, drawn, profiles)
    _warn(apart, estimates)
    size = np.sqrt(np.diag(matrix))
    safe = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    correlation = np.where(np.isfinite(matrix), matrix, 0.0) / np.outer(safe, safe)
    return Errors(
        fit.free, slots, widths, draws, correlation, fit.condition, apart, estimates
    )  # fmt: skip


def _half_width(fit: Fit, parameter: str, ends: tuple[float, float]) -> float:
    """A profile's interval as a standard error of the slot; NaN on a bound."""
    if parameter in fit.bounded:
        return float("nan")
    low, high = ends
    if low == high:
        return 0.0
    return float((high - low) / (2 * students(fit.freedom))) if fit.freedom else float("inf")


def _apart(*errors: float) -> float:
    three = np.array(errors)
    if not np.isfinite(three).all():
        return float("nan")
    if three.max() == 0:
        return 1.0
    return float(three.max() / three.min()) if three.min() > 0 else float("inf")


def _warn(apart: dict[str, float], estimates: Estimates) -> None:
    lost = [p for p in apart if estimates.is_open(p)]
    if lost:
        warnings.warn(
            f"the rows do not determine {', '.join(lost)}: "
            + "; ".join(dict.fromkeys(estimates.remarks[p] for p in lost)),
            FitWarning,
            stacklevel=3,
        )
    wide = {n: r for n, r in apart.items() if r > APART}
    if wide:
        factors = ", ".join(f"{n} by a factor {r:.2g}" for n, r in wide.items())
        warnings.warn(
            f"the errors from curvature, profile and bootstrap disagree ({factors}): the noise is "
            "not what the loss assumes, or the minimum is no parabola; report all three",
            FitWarning,
            stacklevel=3,
        )
