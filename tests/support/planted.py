"""Typical parameters and columns of every law, and tables made from a known truth."""

import numpy as np

TYPICAL = {
    "A": 400.0, "B": 900.0, "E": 1.7, "alpha": 0.34, "beta": 0.29, "kappa": 0.8, "K": 30.0,
    "N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103, "R_N": 5.3, "R_D": 15.4,
    "gamma_w": 2.7, "gamma_a": 2.2, "gamma_kv": 0.96, "C_T": 0.06, "gamma_D": 0.5, "gamma_N": 0.34,
    "gamma_post": 0.6, "gamma": 1e-4, "eps_inf": 0.05, "eps_0": 1.1, "c": 0.3, "a": 0.1, "b": 2.0,
    "c0": 0.2, "c1": 0.5, "d1": 1e2, "f1": 0.3, "c2": -0.4, "d2": 1e4, "f2": 0.1,
    "c3": 0.2, "d3": 1e5, "f3": 0.5,
}  # fmt: skip
COLUMNS = {
    "parameters": (1e7, 1e11), "tokens": (1e9, 1e12), "unique_tokens": (1e8, 1e12),
    "size": (1e1, 1e7), "time": (2.0, 1e5), "weight_bits": (3.0, 16.0),
    "activation_bits": (3.0, 16.0), "cache_bits": (3.0, 16.0), "post_bits": (3.0, 16.0),
}  # fmt: skip


def planted(law, rows=200, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    table = {c: np.exp(rng.uniform(*np.log(COLUMNS[c]), rows)) for c in law.columns}
    truth = {p: TYPICAL[p] for p in law.parameters}
    table["loss"] = law.value(truth, table) * np.exp(noise * rng.standard_normal(rows))
    return table, truth
