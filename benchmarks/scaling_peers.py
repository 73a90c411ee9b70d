"""The contestants of benchmarks/scaling.py, each its own way: SciPy, lmfit, chinchilla, vpnls."""

import csv
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares, minimize

DATA = Path(__file__).parents[2] / "shared" / "data"
DELTA = 1e-3
NAMES = ("A", "B", "E", "alpha", "beta")
# Hoffmann et al. (2022), from the paper's TeX source: log A, log B, log E, α, β.
HOFFMANN = np.array([6.0073404, 6.0179186, 0.5267228, 0.33917084, 0.2849083])


def rows(name):
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(table, name):
    return np.array([float(r[name]) for r in table])


def extracted():
    """The 240 points of the replication."""
    table = rows("chinchilla_svg_extracted.csv")
    n, c, loss = (numbers(table, k) for k in ("Model Size", "Training FLOP", "loss"))
    keep = loss < np.sort(loss)[-5]
    return {"parameters": n[keep], "tokens": c[keep] / 6 / n[keep], "loss": loss[keep]}


TABLE = extracted()
POINTS = tuple(np.log(TABLE[k]) for k in ("parameters", "tokens", "loss"))
ONES = np.ones(len(POINTS[0]))


def predicted(theta):
    """Log L̂ and its three pieces; written out, since SciPy's logsumexp is several times slower."""
    n, d, _ = POINTS
    a, b, e, alpha, beta = theta
    pieces = np.array([a - alpha * n, b - beta * d, np.full_like(n, e)])
    top = pieces.max(axis=0)
    raised = np.exp(pieces - top)
    total = raised.sum(axis=0)
    return top + np.log(total), raised / total


def value(theta, weights):
    r = predicted(theta)[0] - POINTS[2]
    psi = np.clip(r, -DELTA, DELTA)
    return (weights * psi * (r - psi / 2)).sum()


def value_and_gradient(theta, weights):
    logged, shares = predicted(theta)
    r = logged - POINTS[2]
    psi = np.clip(r, -DELTA, DELTA)
    pull = shares * (weights * psi)
    gradient = [*pull.sum(axis=1), -(pull[0] * POINTS[0]).sum(), -(pull[1] * POINTS[1]).sum()]
    return (weights * psi * (r - psi / 2)).sum(), np.array(gradient)


def objective(parameters):
    """The objective of natural parameters, whoever found them."""
    a, b, e, alpha, beta = (float(parameters[k]) for k in NAMES)
    return float(value([np.log(a), np.log(b), np.log(e), alpha, beta], ONES))


def scipy_bfgs(counts):
    """One run a resample from Hoffmann's values, as published, with analytic gradients."""
    return [end.fun for end in published_ends(counts)]


def published_draws(counts):
    """The natural parameters of the published bootstrap: one loose BFGS run a resample.

    Besiroglu et al. (2024), published notebook. Its test of the gradient, 1e-5 against an objective
    of 1e-3, stops some runs early, so that its errors differ from those at the minima.
    """
    slots = np.array([end.x for end in published_ends(counts)])
    slots[:, :3] = np.exp(slots[:, :3])
    return dict(zip(NAMES, slots.T, strict=True))


def published_ends(counts):
    return [minimize(value_and_gradient, HOFFMANN, (w,), "BFGS", jac=True) for w in counts]


def scipy_lbfgs_differences(starts):
    """The published way: finite differences, default tolerances."""
    return [minimize(value, s, (ONES,), "L-BFGS-B").fun for s in starts]


def shared_out(function, work, cores):
    """The peer's work on the same cores: as many processes, a share each."""
    with ProcessPoolExecutor(cores) as pool:
        parts = list(pool.map(function, np.array_split(np.asarray(work), cores)))
    return np.concatenate(parts)


def lmfit_once():
    """One run from Hoffmann's values on the roots of Huber's costs, the only shape it takes."""
    import lmfit

    start = lmfit.create_params(**dict(zip(NAMES, HOFFMANN, strict=True)))

    def root(p):
        r = np.abs(predicted([p[k].value for k in NAMES])[0] - POINTS[2])
        return np.sqrt(np.where(r <= DELTA, r * r / 2, DELTA * (r - DELTA / 2)))

    return float((lmfit.minimize(root, start).residual ** 2).sum())


# Every second value of the published grid, 3⁵ of its starts.
COARSE = {"e": (-1.0, 0.0, 1.0), "a": (0.0, 10.0, 20.0), "b": (0.0, 10.0, 20.0),
          "alpha": (0.0, 1.0, 2.0), "beta": (0.0, 1.0, 2.0)}  # fmt: skip


def chinchilla_grid():
    """Its grid of starts with the paper's loss, in processes on all cores."""
    import logging

    from chinchilla import Chinchilla
    from chinchilla._metrics import log_huber

    with tempfile.TemporaryDirectory() as folder:
        n, d = TABLE["parameters"], TABLE["tokens"]
        columns = np.stack([6 * n * d, n, d, TABLE["loss"]], axis=1)
        np.savetxt(f"{folder}/df.csv", columns, "%.17g", ",", header="C,N,D,loss", comments="")
        model = Chinchilla(folder, COARSE, loss_fn=partial(log_huber, delta=DELTA),
                          log_level=logging.CRITICAL)  # fmt: skip
        model.fit()
    return objective({k: getattr(model, k) for k in NAMES})


def vpnls_grid():
    """Its exponent grid with Huber's loss, which it takes of raw losses only."""
    import vpnls.api

    curves = vpnls.api.fit_vpnls(*(TABLE[k] for k in ("parameters", "tokens", "loss")),
                                loss=vpnls.api.huber(DELTA))  # fmt: skip
    return objective({k: getattr(curves, k) for k in NAMES})


def benchmark_curves():
    """The 92 curves, 72 of vision and 20 of language."""
    table = rows("revisiting_vision.csv") + rows("revisiting_lang.csv")
    numeric = ("Seen Examples", "Loss", "Training")
    return {k: numbers(table, k) if k in numeric else [r[k] for r in table] for k in table[0]}


def scipy_curve(x, y, form, tries, rng):
    """The best of random starts by least squares on log loss, as a function of x."""

    def prediction(t, x):
        u = np.log(x)
        if form == "power":
            return t[0] - t[1] * u
        if form == "power_constant":
            return np.logaddexp(t[0] - t[1] * u, t[2])
        bend = t[3] * np.exp(t[5]) * np.logaddexp(0, (u - t[4]) / np.exp(t[5]))
        return np.logaddexp(t[0] - t[1] * u - bend, t[2])

    width = {"power": 2, "power_constant": 3, "bnsl1": 6}[form]
    u, best = np.log(x), None
    for _ in range(tries):
        alpha = rng.uniform(0.05, 1.0)
        start = [np.log(y).mean() + alpha * u.mean(), alpha,
                 np.log(y.min()) + np.log(rng.uniform(0.01, 0.95)), rng.uniform(-0.3, 1.2),
                 rng.uniform(u.min(), u.max() + 1), np.log(rng.uniform(0.05, 1.5))]  # fmt: skip
        end = least_squares(lambda t: prediction(t, x) - np.log(y), start[:width], max_nfev=200)
        best = end if best is None or end.cost < best.cost else best
    return lambda x: prediction(best.x, x)


def scipy_curves(work):
    """Held-out errors of three laws on some curves, one start at a time: 1, 10, 30 random ones."""
    scores = []
    for at in work:
        x, y, train = CURVES[at]
        rng = np.random.default_rng(at)
        for form, tries in (("power", 1), ("power_constant", 10), ("bnsl1", 30)):
            model = scipy_curve(x[train], y[train], form, tries, rng)
            error = model(x[~train]) - np.log(y[~train])
            scores.append(np.sqrt((error**2).mean()))
    return np.array(scores).reshape(-1, 3)


def curve_list(columns):
    """Sizes, losses and which rows are fitted, of each curve."""
    keys = zip(*(columns[c] for c in ("Domain", "Task", "Model")), strict=True)
    names = np.array([" / ".join(k) for k in keys], object)
    curves = []
    for name in dict.fromkeys(names.tolist()):
        mine = names == name
        each = (columns[k][mine] for k in ("Seen Examples", "Loss", "Training"))
        x, y, train = each
        curves.append((x, y, train == 1))
    return curves


COLUMNS = benchmark_curves()
CURVES = curve_list(COLUMNS)
