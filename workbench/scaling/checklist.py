"""What a paper that fits a scaling law should say about it, filled in as far as the fit knows.

Source:
    Li et al. (2025), (Mis)Fitting; Besiroglu et al. (2024); Porian et al. (2024); Choshen et al.
    (2025): what their surveys found missing.
"""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.scaling.steps import FLAT, SETTLED

if TYPE_CHECKING:
    from workbench.scaling.fitted import Fit

ASK = "not known to the fit: say it yourself"


def checklist(fit: Fit) -> dict[str, Any]:
    """The checklist of a fit, JSON-ready; what only its author knows is marked as such."""
    return {
        "law": _law(fit),
        "data": _data(fit),
        "objective": _objective(fit),
        "optimisation": _optimisation(fit),
        "parameters": fit.parameters,
        "warnings": _warnings(fit),
        "to be said by the author": {
            "parameters counted": f"with or without embeddings: {ASK}",
            "compute": f"6 N D, or another count: {ASK}",
            "tokens": f"unique or seen: {ASK}",
            "loss split": f"training, validation, which corpus: {ASK}",
            "checkpoints": f"final or intermediate, and how their correlation was handled: {ASK}",
            "learning rate": f"how it was selected: {ASK}",
            "rows removed before the table was handed over": ASK,
        },
        "software": {
            "workbench": _version("paper-workbench"),
            "numpy": np.__version__,
            "numba": _version("numba"),
            "python": platform.python_version(),
        },
    }


def _law(fit: Fit) -> dict[str, Any]:
    held = {p: v for p, v in fit.parameters.items() if p not in fit.free}
    return {
        "name": fit.law.name,
        "formula": f"{fit.law.response} = {fit.law.formula}",
        "source": fit.law.source,
        "free": list(fit.free),
        "fixed": held,
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
    found = []
    if not fit.converged:
        found.append("the fit did not converge; the parameters are its best point")
    found += [f"{p} ended on a bound" for p in fit.at_bounds]
    found += [f"{p} is driven to zero: the data show no constant" for p in fit.absent]
    if fit.agreement < 0.5:
        found.append(f"only {fit.agreement:.0%} of the starts reached the best objective")
    if fit.condition > 1e12:
        found.append("the parameters are not determined separately: report the profile")
    for name in fit.law.columns:
        values = fit.columns[name]
        if values.max() < 10 * values.min():
            found.append(f"{name} spans less than a decade: extrapolation is a guess")
    return found


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed as a package"
