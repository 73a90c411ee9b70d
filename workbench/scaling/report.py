"""The reporting checklist of a scaling-law fit, filled in as far as the fit determines it.

Source:
    Li et al. (2025), (Mis)Fitting; Besiroglu et al. (2024); Porian et al. (2024); Choshen et al.
    (2025): which items published fits lack.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.scaling.allocation.optimum import bands, optimal_split
from workbench.scaling.fit.result import Fit
from workbench.scaling.fit.solvers.settings import FLAT, SETTLED
from workbench.scaling.inference.bootstrap import Bootstrap
from workbench.scaling.inference.comparison import Comparison
from workbench.scaling.inference.estimates import estimated
from workbench.scaling.laws.catalogue import NAMED

AUTHOR = "not known to the fit: say it yourself"
MISSING = "not computed: hand a {} to `report`"


def report(
    fit: Fit,
    drawn: Bootstrap | None = None,
    comparison: Comparison | None = None,
    compute: Sequence[float] | None = None,
) -> dict[str, Any]:
    """The checklist of a fit; items not computed, or known only to its author, are marked.

    Every value is valid JSON; numbers that are not finite become words.

    Args:
        fit: the fit.
        drawn: its bootstrap.
        comparison: rival laws on its table.
        compute: budgets to report the optimum of a Chinchilla law at [FLOP]; by default ten times
            the largest of the table.
    """
    checklist = {
        "law": _law(fit),
        "data": _data(fit),
        "objective": _objective(fit),
        "optimisation": _optimisation(fit),
        "parameters": fit.parameters,
        "errors": _errors(fit, drawn) if drawn else MISSING.format("bootstrap"),
        "rival laws": _rivals(comparison) if comparison else MISSING.format("comparison"),
        "optimal split": _optima(fit, drawn, compute),
        "warnings": _warnings(fit),
        "to be said by the author": {
            "parameters counted": f"with or without embeddings: {AUTHOR}",
            "compute": f"6 N D, or another count: {AUTHOR}",
            "tokens": f"unique or seen: {AUTHOR}",
            "loss split": f"training, validation, which corpus: {AUTHOR}",
            "checkpoints": "final or intermediate, and how their correlation was handled: "
            + AUTHOR,
            "learning rate": f"how it was selected: {AUTHOR}",
            "rows removed before the table was handed over": AUTHOR,
        },
        "software": {
            "workbench": _version("paper-workbench"),
            "numpy": np.__version__,
            "numba": _version("numba"),
            "scipy": _version("scipy"),
            "python": platform.python_version(),
        },
    }
    return _plain(checklist)


def _plain(value: Any) -> Any:
    """The value for JSON, which has no infinity and no NaN."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "not determined" if np.isnan(value) else ("infinite" if value > 0 else "-infinite")
    return value


def _errors(fit: Fit, drawn: Bootstrap) -> dict[str, Any]:
    estimates = estimated(fit, drawn)
    slopes = [p for p in fit.free if p not in fit.law.positive]
    logged = {p: f"log {p}" if p in fit.law.positive else p for p in fit.free}
    return {
        "bootstrap": drawn.kind,
        "resamples": len(drawn.draws),
        "share converged": drawn.converged,
        "resamples that do not determine the parameters": drawn.undetermined,
        "standard errors by bootstrap": {logged[p]: drawn.deviations[p] for p in fit.free},
        "95 % intervals": {p: list(ends) for p, ends in estimates.intervals.items()},
        "intervals by": estimates.method,
        "remarks": {p: remark for p, remark in estimates.remarks.items() if remark},
        "exponents whose interval holds zero": [
            p for p in slopes if estimates.intervals[p][0] <= 0 <= estimates.intervals[p][1]
        ],
    }


def _rivals(comparison: Comparison) -> dict[str, Any]:
    return {
        "criteria": {
            law: {k: c._asdict() for k, c in by_likelihood.items()}
            for law, by_likelihood in comparison.criteria.items()
        },
        "held out by": comparison.holdout,
        "share held out": comparison.share if comparison.holdout else None,
        "held-out errors": {n: e._asdict() for n, e in comparison.extrapolations.items()},
        "preferred by": comparison.best,
    }


def _optima(
    fit: Fit, drawn: Bootstrap | None, compute: Sequence[float] | None
) -> list[dict[str, Any]] | str:
    if not fit.law.program.same(NAMED["chinchilla"].program):
        return "not computed: the law chinchilla alone has a closed form"
    terms = {p: fit.parameters[p] for p in ("A", "B", "alpha", "beta")}
    if not min(fit.bounded.get(p, v) for p, v in terms.items()) > 0:
        listed = ", ".join(f"{p} {v:.4g}" for p, v in terms.items())
        return (
            f"not determined: a best split needs A, B, alpha and beta above 0, which are {listed}"
        )
    spent = 6 * np.prod([fit.columns[c] for c in fit.law.columns], axis=0)
    compute = [10 * float(spent.max())] if compute is None else compute
    budgets = np.atleast_1d(np.asarray(compute, float))
    best = optimal_split(fit.parameters, budgets)
    around = bands(drawn, budgets) if drawn else {}
    rows = []
    for i, budget in enumerate(budgets):
        row = {n: float(getattr(best, n)[i]) for n in ("parameters", "tokens", "ratio", "loss")}
        row |= {f"{n}, 95 % band": [float(b.low[i]), float(b.high[i])] for n, b in around.items()}
        beyond = float(np.log10(budget / spent.max()))
        rows.append({"compute": float(budget), "decades beyond the table": beyond} | row)
    return rows


def _law(fit: Fit) -> dict[str, Any]:
    fixed = {p: v for p, v in fit.parameters.items() if p not in fit.free}
    return {
        "name": fit.law.name,
        "formula": f"{fit.law.response} = {fit.law.formula}",
        "source": fit.law.source,
        "free": list(fit.free),
        "fixed": fixed,
        "fitted as logarithms": sorted(fit.law.positive),
    }


def _data(fit: Fit) -> dict[str, Any]:
    spans = {
        name: {
            "lowest": float(v.min()),
            "highest": float(v.max()),
            "decades": float(np.log10(v.max() / v.min())),
        }
        for name, v in fit.columns.items()
    }
    weighted = int((fit.weights > 0).sum())
    return {
        "rows": len(fit.weights),
        "rows of positive weight": weighted,
        "dropped": 0,
        "columns": spans,
    }


def _objective(fit: Fit) -> dict[str, Any]:
    absolute = fit.cost.name == "absolute"
    return {
        "loss": fit.cost.name,
        "delta": None if fit.cost.name == "squared" or absolute else fit.cost.delta,
        "shape": fit.cost.shape if fit.cost.name in ("student", "asymmetric") else None,
        "residual": "log loss" if fit.space == "log" else "loss",
        "scale": "sum over rows, weighted",
        "value": fit.objective,
        "share of residuals in the linear zone": float((abs(fit.residuals) > fit.cost.delta).mean())
        if fit.cost.name in ("huber", "asymmetric")
        else None,
    }


def _optimisation(fit: Fit) -> dict[str, Any]:
    return {
        "preset": fit.preset,
        "starts": fit.starts,
        "start rule": fit.start_rule,
        "agreement of starts": fit.agreement,
        "optimiser": "reweighted Gauss-Newton, Marquardt damping, delta continuation, exact Newton",
        "tolerances": {"relative fall, twice": FLAT, "relative Newton decrement": SETTLED},
        "iterations over all starts": fit.iterations,
        "gradient norm": float(np.linalg.norm(fit.gradient)),
        "condition of the normal matrix": fit.condition,
        "converged": fit.converged,
    }


def _warnings(fit: Fit) -> list[str]:
    sentences = []
    if not fit.converged:
        sentences.append("the fit did not converge; the parameters are its best point")
    sentences += [f"{p} ended on its bound {b:.6g}" for p, b in fit.bounded.items()]
    sentences += [f"{p} is driven to zero: the data show no constant" for p in fit.absent]
    if fit.freedom == 0:
        sentences.append(
            f"{fit.rows} rows for {len(fit.free)} parameters: no error can be estimated from them"
        )
    if fit.is_exact:
        sentences.append(
            "the law passes through every row: there is no scatter to take errors from"
        )
    if fit.agreement < 0.5:
        sentences.append(f"only {fit.agreement:.0%} of the starts reached the best objective")
    if fit.condition > 1e12:
        sentences.append("the parameters are not determined separately: report the profile")
    for name in fit.law.columns:
        values = fit.columns[name]
        if values.max() < 10 * values.min():
            sentences.append(f"{name} spans less than a decade: extrapolation is a guess")
    return sentences


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed as a package"
