"""The effective rank of a matrix, by four different definitions.

Source:
    See each function. For a square normal matrix of size n they give n/2, 0.80 n, 0.72 n
    and n/4.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from workbench.base.checks import refuse
from workbench.base.parallel import one_blas_thread

# Rows that are copied into float64 at once.
ROWS = 4096

Values = Float[np.ndarray, " values"]


def singular(matrix: Float[np.ndarray, "rows columns"]) -> Values:
    """Singular values, largest first, from the smaller Gram matrix in float64.

    Values below 1e-8 of the largest are rounding noise; they do not affect these ranks.
    """
    x = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    gram = np.zeros((x.shape[1], x.shape[1]))
    with one_blas_thread():
        # Rows in parts, so that a large matrix is never copied whole into float64.
        for start in range(0, len(x), ROWS):
            part = np.asarray(x[start : start + ROWS], dtype=np.float64)
            gram += part.T @ part
        return np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0.0))


def participation(values: Values) -> float:
    """(Σ s²)² / Σ s⁴, the participation ratio of the squares.

    Source:
        Gao et al. (2017), A theory of multineuronal dimensionality.
    """
    s2 = _legal(values) ** 2
    return float(s2.sum() ** 2 / (s2**2).sum())


def entropy_rank(values: Values) -> float:
    """exp(-Σ p ln p), p = s/Σs.

    Source:
        Roy & Vetterli (2007), The effective rank, EUSIPCO.
    """
    p = _legal(values)
    p = p[p > 0] / p.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def nuclear_rank(values: Values) -> float:
    """(Σ s)² / Σ s², the squared nuclear over the squared Frobenius norm."""
    s = _legal(values)
    return float(s.sum() ** 2 / (s**2).sum())


def stable_rank(values: Values) -> float:
    """Σ s² / max s², the squared Frobenius over the squared spectral norm.

    Source:
        Rudelson & Vershynin (2007), arXiv:math/0503442.
    """
    s = _legal(values)
    return float((s**2).sum() / s.max() ** 2)


def _legal(values: Values) -> Values:
    s = np.asarray(values, dtype=np.float64)
    if not np.isfinite(s).all() or (s < 0).any() or not s.any():
        refuse("values", "singular values, at least 0 and not all zero", values)
    largest = float(s.max())
    # No rank knows of a factor that all have, and fourth powers stay finite without it.
    return s if 1e-60 < largest < 1e60 else s / largest
