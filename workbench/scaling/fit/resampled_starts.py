"""The closed-form grid of every resample at once: where each of thousands of fits starts."""

from __future__ import annotations

import numpy as np

from workbench.base.array import Array
from workbench.scaling.fit.solvers.cpu_grid import best_cells
from workbench.scaling.fit.solvers.problem import Problem
from workbench.scaling.fit.starts import evaluated, nodes, summands
from workbench.scaling.laws.law import Law


def best_nodes(
    law: Law, columns: dict[str, Array], problem: Problem, counts: Array, rows: int = 500
) -> Array:
    """For each row of weights the best node of its own grid, as slots; NaN where there is none.

    The sums over points that the normal equations need are products of the weights with features
    of the grid, shared by all resamples.

    Args:
        law: a law that is a plain sum of its coefficients' terms, all positive, such as Chinchilla.
        columns: the columns read.
        problem: the fit's problem.
        counts: weights, (resamples, points).
        rows: resamples at a time, which bounds the memory.
    """
    terms = summands(law.expression, law)
    values = nodes(law, columns, {t.coefficient for t in terms}, {})
    count = len(next(iter(values.values())))
    observed, shape = columns[law.response], (count, counts.shape[1])
    basis = [np.broadcast_to(evaluated(t.basis, values, columns), shape) / observed for t in terms]
    # Columns of equal size, so that the normal equations lose no digits to units.
    size = [np.sqrt((b * b).mean(axis=1, keepdims=True)) for b in basis]
    basis = [b / s for b, s in zip(basis, size, strict=True)]
    k = len(terms)
    products = [basis[i] * basis[j] for i in range(k) for j in range(i, k)] + basis
    features = np.stack(products, axis=1).reshape(-1, shape[1]).T
    best, found = np.empty(len(counts), np.int64), np.zeros((len(counts), k))
    for first in range(0, len(counts), rows):
        some = slice(first, first + rows)
        weights = np.ascontiguousarray(counts[some], np.float64)
        sums = (weights @ features).reshape(len(weights), count, -1)
        best_cells(sums, weights.sum(axis=1), k, best[some], found[some])
    natural = {p: v[best, 0] for p, v in values.items()}
    for i, term in enumerate(terms):
        natural[term.coefficient] = found[:, i] / size[i][best, 0]
    theta = law.program.inside(np.stack([natural[p] for p in law.parameters], axis=1))
    return np.where((best >= 0)[:, None], theta, np.nan)
