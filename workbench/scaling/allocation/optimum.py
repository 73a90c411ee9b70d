"""The compute-optimal allocation under a fit: parameters, tokens and loss of a budget.

Closed forms for L = E + A/N^α + B/D^β with C = k N D, k = 6 FLOP a parameter and token; bands from
a bootstrap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.base.checks import refusal, refuse
from workbench.scaling.inference.bootstrap import Bootstrap, percentile
from workbench.scaling.inference.prediction import Band

FLOP = 6.0


class Split(NamedTuple):
    """An allocation of compute; scalars or one number a budget.

    Attributes:
        parameters: N.
        tokens: D.
        ratio: tokens per parameter.
        loss: expected loss.
        compute: training compute k N D [FLOP].
    """

    parameters: Any
    tokens: Any
    ratio: Any
    loss: Any
    compute: Any


def optimal_split(parameters: Mapping[str, Any], compute: Any, flop: float = FLOP) -> Split:
    """The split of a budget with the least loss.

    N = G (C/k)^a, D = (C/k)^(1-a) / G, a = β/(α+β), G = (α A / (β B))^(1/(α+β))

    Args:
        parameters: A, B, E, alpha, beta: numbers, or arrays that broadcast with the budget.
        compute: the budget C [FLOP].
        flop: k, FLOP a parameter and token.

    Raises:
        ValueError: if a parameter is missing or not positive, or the budget is not positive.

    Source:
        Hoffmann et al. (2022), eq. 4.
    """
    a, b, e, alpha, beta = _five(parameters)
    c = _positive("compute", compute) / _positive("flop", flop)
    share = size_exponent(parameters)
    with np.errstate(over="ignore"):
        # In logarithms, since A and B of a resample may be large.
        log_g = (np.log(alpha) + np.log(a) - np.log(beta) - np.log(b)) / (alpha + beta)
        n = np.exp(log_g + share * np.log(c))
        d = np.exp(-log_g + (1 - share) * np.log(c))
        return Split(n, d, d / n, e + a / n**alpha + b / d**beta, flop * n * d)


def require_optimum(parameters: Mapping[str, float], name: str, source: str) -> None:
    """Refuses a fitted law that does not fall with sizes and with tokens alike.

    Args:
        parameters: A, B, alpha, beta.
        name: the argument that holds the points.
        source: what the points are, for the sentence.
    """
    for scale, exponent, what in (("A", "alpha", "sizes"), ("B", "beta", "tokens")):
        a, alpha = parameters[scale], parameters[exponent]
        if not (0 < a < np.inf and 0 < alpha < np.inf):
            raise refusal(
                f"`{name}` must hold points whose losses fall as {what} grow (else no budget has "
                f"an optimum); got {source}, whose fit has {scale} = {a:.3g} and "
                f"{exponent} = {alpha:.3g}"
            )


def size_exponent(parameters: Mapping[str, Any]) -> Any:
    """The exponent a = β / (α + β) with which the optimal size grows, N ∝ C^a."""
    _, _, _, alpha, beta = _five(parameters)
    return beta / (alpha + beta)


def split_loss(
    parameters: Mapping[str, Any], compute: Any, ratio: Any, flop: float = FLOP
) -> Array:
    """The loss of a budget split at any number of tokens per parameter.

    N = √(C / (k r)), D = r N

    Args:
        parameters: A, B, E, alpha, beta, as of `optimal_split`.
        compute: the budget C [FLOP].
        ratio: r, tokens per parameter.
        flop: k, FLOP a parameter and token.
    """
    a, b, e, alpha, beta = _five(parameters)
    n = np.sqrt(_positive("compute", compute) / flop / _positive("ratio", ratio))
    return e + a / n**alpha + b / (ratio * n) ** beta


def bands(
    drawn: Bootstrap, compute: Any, level: float = 0.95, flop: float = FLOP
) -> dict[str, Band]:
    """Percentile bands of the optimum over the resamples: parameters, tokens, ratio, loss.

    A resample that has no optimum, with α, β, A or B not above 0, or that does not determine the
    law, counts on both ends: where more than (1 - level) / 2 of them
    do, a band reaches from 0 to infinity. The middle is the median of the others.

    Args:
        drawn: a bootstrap of a Chinchilla fit.
        compute: budgets [FLOP].
        level: share of the resamples inside.
        flop: FLOP a parameter and token.
    """
    if not 0 < level < 1:
        refuse("level", "between 0 and 1", level)
    each = {p: drawn[p][:, None] for p in ("A", "B", "E", "alpha", "beta")}
    budgets = np.atleast_1d(_positive("compute", compute))
    terms = np.concatenate([each[p] for p in ("A", "B", "alpha", "beta")], axis=1)
    valid = ((terms > 0) & np.isfinite(terms)).all(axis=1) & drawn.determined & (not drawn.flat)
    split = optimal_split({p: v[valid] for p, v in each.items()}, budgets, flop)
    return {
        name: _band(getattr(split, name), valid, level, len(budgets))
        for name in ("parameters", "tokens", "ratio", "loss")
    }


def _band(values: Array, valid: Array, level: float, budgets: int) -> Band:
    full = np.full((len(valid), budgets), np.nan)
    full[valid] = values
    undefined = np.isnan(full)
    low = percentile(np.where(undefined, 0.0, full), 50 * (1 - level))
    high = percentile(np.where(undefined, np.inf, full), 50 * (1 + level))
    middle = np.nanmedian(full, axis=0) if valid.any() else np.full(budgets, np.nan)
    return Band(low, middle, high)


def serving_split(parameters: Mapping[str, Any], loss: float, served: float) -> Split:
    """The model that reaches a loss at the least compute for training and serving together.

    min over N of 6 N D + 2 N T with D such that E + A/N^α + B/D^β = L: the derivative's root in
    log N, by bisection: it has one sign change, between the smallest N that can reach the loss and
    the training optimum.

    Args:
        parameters: A, B, E, alpha, beta.
        loss: the loss to reach, above E.
        served: T, tokens to be served over the model's life.

    Returns:
        The split; `compute` is 6 N D + 2 N T.

    Raises:
        ValueError: if the loss is not above E, or fewer than 0 tokens are served.

    Source:
        Sardana et al. (2024), eq. 3.
    """
    a, b, e, alpha, beta = (float(v) for v in _five(parameters))
    if not loss > e:
        refuse("loss", f"above E={e:.6g}", loss)
    if not (np.isfinite(served) and served >= 0):
        refuse("served", "a number of tokens, 0 or more", served)
    least = (np.log(a) - np.log(loss - e)) / alpha

    def tokens(log_n: float) -> float:
        return float(np.exp((np.log(b) - np.log(loss - e - a * np.exp(-alpha * log_n))) / beta))

    def slope(log_n: float) -> float:
        d = tokens(log_n)
        gap = loss - e - a * np.exp(-alpha * log_n)
        falling = alpha * a * np.exp(-alpha * log_n) / (beta * gap)
        return 6 * d * (1 - falling) + 2 * served

    low, high = least + 1e-12 * max(1.0, abs(least)), least + 1.0
    while slope(high) < 0:
        high += 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    n, d = float(np.exp(high)), tokens(high)
    return Split(n, d, d / n, loss, 6 * n * d + 2 * n * served)


def _five(parameters: Mapping[str, Any]) -> tuple:
    for name in ("A", "B", "E", "alpha", "beta"):
        if name not in parameters:
            refuse("parameters", "those of the Chinchilla law, A B E alpha beta", list(parameters))
    positive = [_positive(p, parameters[p]) for p in ("A", "B", "alpha", "beta")]
    return positive[0], positive[1], np.asarray(parameters["E"], float), *positive[2:]


def _positive(name: str, value: Any) -> Array:
    values = np.asarray(value, np.float64)
    if not np.all(values > 0) or not np.all(np.isfinite(values)):
        refuse(name, "positive", values.reshape(-1)[np.argmin(values.reshape(-1) > 0)])
    return values
