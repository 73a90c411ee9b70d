"""The parameters of a fit with one interval each, and remarks where an interval is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.base.rows import Rows, number
from workbench.scaling.fit.result import Fit, or_undetermined
from workbench.scaling.fit.solvers.problem import limits
from workbench.scaling.inference.bootstrap import Bootstrap
from workbench.scaling.inference.profile import LEVEL, Profile, profile

# With fewer different rows than these, percentiles of resamples are too narrow: at 6 rows and 5
# parameters those of 90 % cover the truth in 33 to 75 % of simulated tables.
FEW = 20


@dataclass(frozen=True)
class Estimates:
    """Every parameter of a law with its 95 % interval, all by one method.

    Attributes:
        values: the parameters, fixed ones among them; what ended on a bound as the bound.
        intervals: of the free parameters; infinite, or 0 for a coefficient, on an open side.
        remarks: by parameter: on which bound it is, that it is not determined, or "".
        method: a description of the intervals' method.
        logged: the parameters that are fitted as logarithms.
    """

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    remarks: dict[str, str]
    method: str
    logged: frozenset[str]

    def is_open(self, parameter: str) -> bool:
        """Whether the interval of a free parameter has no end on some side."""
        explained = self.remarks[parameter].startswith(("on its", "too large"))
        return not self.is_closed(parameter) and not explained

    def is_closed(self, parameter: str) -> bool:
        """Whether the interval has two ends; a coefficient's must lie above 0."""
        low, high = self.intervals[parameter]
        reaches_zero = parameter in self.logged and low == 0
        return bool(np.isfinite([low, high]).all()) and not reaches_zero

    @property
    def numbers(self) -> dict[str, float | str]:
        """Each parameter, and the ends of its interval, by name."""
        numbers = {p: or_undetermined(v) for p, v in self.values.items()}
        for p, (low, high) in self.intervals.items():
            numbers[f"{p}, 95 % from"] = or_undetermined(low)
            numbers[f"{p}, 95 % to"] = or_undetermined(high)
        return numbers

    @property
    def rows(self) -> Rows:
        """A parameter a row; the remark explains a missing end."""
        rows = []
        for p, value in self.values.items():
            low, high = self.intervals.get(p, (np.nan, np.nan))
            ends = [None if not np.isfinite(e) else e for e in (low, high)]
            rows.append((p, value, *ends, self.remarks[p]))
        return Rows(("parameter", "estimate", "95 % from", "to", "remark"), rows)


def estimated(
    fit: Fit, drawn: Bootstrap, profiles: Mapping[str, Profile] | None = None
) -> Estimates:
    """The intervals of a fit: percentiles of resamples, or profiles where the rows are few.

    Args:
        fit: the fit.
        drawn: its bootstrap.
        profiles: those of its free parameters, if already computed.
    """
    by_profile = drawn.kind != "block" and fit.settings < FEW
    if by_profile:
        method = f"profile, Student's t with {fit.freedom} degrees of freedom"
        profiled = profiles or {p: profile(fit, p) for p in fit.free}
        intervals = {p: profiled[p].interval for p in fit.free}
    else:
        method = f"percentiles of {len(drawn.draws)} resamples ({drawn.kind})"
        intervals = {p: drawn.interval(p, LEVEL) for p in fit.free}
    intervals = {p: _within(fit, p, ends) for p, ends in intervals.items()}
    remarks = {
        p: _remark(fit, p, intervals[p]) if p in intervals else "fixed" for p in fit.law.parameters
    }
    return Estimates(fit.parameters | fit.bounded, intervals, remarks, method, fit.law.positive)


def _within(fit: Fit, parameter: str, ends: tuple[float, float]) -> tuple[float, float]:
    """Ends clipped to the bounds, and to 0 for what counts as absent."""
    at = fit.law.parameters.index(parameter)
    low, high = ends
    lowest, highest = limits(fit.problem.program)
    bottom, top = fit.law.program.outside(np.array([fit.problem.low, fit.problem.high]))[:, at]
    if fit.problem.low[at] > lowest[at]:
        low = max(low, bottom)
    if fit.problem.high[at] < highest[at]:
        high = min(high, top)
    if parameter in fit.bounded:
        low, high = min(low, fit.bounded[parameter]), max(high, fit.bounded[parameter])
    if parameter in fit.additive and low < fit.faintest:
        low = 0.0
    return float(low), float(high)


def _remark(fit: Fit, parameter: str, ends: tuple[float, float]) -> str:
    low, high = (number(e) for e in ends)
    nothing = 0.0 if parameter in fit.law.positive else -np.inf
    if fit.freedom == 0:
        return f"not determined: {fit.rows} rows, {fit.settings} different, for {_counted(fit)}"
    if parameter in fit.bounded:
        remark = f"on its bound {number(fit.bounded[parameter])}"
        return f"{remark}: the data show no constant" if parameter in fit.absent else remark
    if np.isinf(fit.parameters[parameter]):
        slot = fit.theta[fit.law.parameters.index(parameter)]
        return f"too large for a number: its logarithm is {number(slot)}"
    if ends[0] <= nothing and np.isinf(ends[1]):
        return "not determined"
    if ends[0] <= nothing:
        return f"open: at most {high}"
    if np.isinf(ends[1]):
        return f"open: at least {low}"
    return "exact: no row leaves the law" if fit.is_exact else ""


def _counted(fit: Fit) -> str:
    count = len(fit.free)
    return f"{count} parameter{'s' if count > 1 else ''}"
