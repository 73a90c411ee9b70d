"""Scaling-law fits against SciPy, lmfit and chinchilla, in one run on one machine.

python benchmarks/scaling.py [--quick] needs ../shared/data beside the repository. Contestants take
turns; medians of CPU and wall seconds are kept in benchmarks/results/scaling-MACHINE.json. Where a
peer would take an hour a random sample of its work is timed and scaled, and the entry says so.
"""

import argparse
import csv
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares, minimize
from scipy.special import logsumexp

from workbench.scaling import laws, solver, starts
from workbench.scaling.curves import learning_curves
from workbench.scaling.fitting import bootstrap, fit
from workbench.scaling.published import HOFFMANN
from workbench.scaling.resampling import pair_counts

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"
DELTA = 1e-3


def rows(name):
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(table, name):
    return np.array([float(r[name]) for r in table])


def extracted():
    table = rows("chinchilla_svg_extracted.csv")
    n, c, loss = (numbers(table, k) for k in ("Model Size", "Training FLOP", "loss"))
    keep = loss < np.sort(loss)[-5]
    return {"parameters": n[keep], "tokens": c[keep] / 6 / n[keep], "loss": loss[keep]}


TABLE = extracted()
POINTS = tuple(np.log(TABLE[k]) for k in ("parameters", "tokens", "loss"))


def value(theta, weights):
    n, d, y = POINTS
    a, b, e, alpha, beta = theta
    pieces = np.array([a - alpha * n, b - beta * d, np.full_like(n, e)])
    r = np.abs(logsumexp(pieces, axis=0) - y)
    return (weights * np.where(r <= DELTA, r * r / 2, DELTA * (r - DELTA / 2))).sum()


def value_and_gradient(theta, weights):
    n, d, y = POINTS
    a, b, e, alpha, beta = theta
    pieces = np.array([a - alpha * n, b - beta * d, np.full_like(n, e)])
    top = pieces.max(axis=0)
    raised = np.exp(pieces - top)
    total = raised.sum(axis=0)
    r = top + np.log(total) - y
    psi = np.clip(r, -DELTA, DELTA)
    pull = raised / total * (weights * psi)
    slopes = pull.sum(axis=1)
    gradient = [*slopes, -(pull[0] * n).sum(), -(pull[1] * d).sum()]
    return (weights * psi * (r - psi / 2)).sum(), np.array(gradient)


def scipy_bfgs(counts):
    ends = [minimize(value_and_gradient, HOFFMANN, (w,), "BFGS", jac=True) for w in counts]
    return [e.fun for e in ends]


def scipy_lbfgs_differences(start):
    one = np.ones(len(POINTS[0]))
    return [minimize(value, s, (one,), "L-BFGS-B").fun for s in start]


def spent(work):
    """Result, CPU seconds of this process and its children, wall seconds."""

    def cpu():
        used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in used)

    begin, clock = cpu(), time.perf_counter()
    result = work()
    return result, cpu() - begin, time.perf_counter() - clock


def shared_out(function, work, cores=2):
    """The peer's work on the same cores: as many processes, a share each."""
    with ProcessPoolExecutor(cores) as pool:
        parts = list(pool.map(function, np.array_split(np.asarray(work), cores)))
    return np.concatenate(parts)


def against(ours, peer, times):
    """Medians over turns taken in alternation."""
    turns = [(spent(ours), spent(peer)) for _ in range(times)]
    mine, theirs = turns[-1][0][0], turns[-1][1][0]
    middle = [[statistics.median(t[i][j] for t in turns) for j in (1, 2)] for i in (0, 1)]
    told = {
        "ours_cpu_s": middle[0][0], "ours_wall_s": middle[0][1],
        "peer_cpu_s": middle[1][0], "peer_wall_s": middle[1][1],
        "turns": times,
    }  # fmt: skip
    return mine, theirs, told


def minimum():
    """The objective and parameters on the 240 points."""
    (found, cpu, wall) = spent(lambda: fit("chinchilla", TABLE))
    return {
        "objective": found.objective,
        "relative_to_0.0010182740178": found.objective / 0.0010182740178006 - 1,
        "parameters": found.parameters, "agreement": found.agreement,
        "cpu_s": cpu, "wall_s": wall,
    }  # fmt: skip


def resamples(times):
    """4,000 pair resamples: from the fit, from each one's own grid, and SciPy's BFGS."""
    found = fit("chinchilla", TABLE)
    counts = pair_counts(np.random.RandomState(42), 4000, len(TABLE["loss"]))
    draw = np.random.RandomState
    ours, theirs, told = against(
        lambda: bootstrap(found, 4000, rng=draw(42)), lambda: shared_out(scipy_bfgs, counts), times
    )
    grid = [spent(lambda: bootstrap(found, 4000, rng=draw(42), grid=True)) for _ in range(times)]
    best = np.minimum(np.minimum(ours.objectives, grid[0][0].objectives), theirs)
    told["cpu_ratio"] = told["peer_cpu_s"] / told["ours_cpu_s"]
    told["wall_ratio"] = told["peer_wall_s"] / told["ours_wall_s"]
    told["ours_at_minimum"] = float((ours.objectives <= best * (1 + 1e-6)).mean())
    told["grid_at_minimum"] = float((grid[0][0].objectives <= best * (1 + 1e-6)).mean())
    told["peer_at_minimum"] = float((theirs <= best * (1 + 1e-6)).mean())
    told["standard_errors"] = ours.errors
    told["grid_route_cpu_s"] = statistics.median(g[1] for g in grid)
    told["grid_route_covers"] = "576 exponent pairs a resample, 2.3 million closed-form fits"
    return told


def published_grid(times, sample):
    """The 4,500 starts against SciPy's L-BFGS-B with finite differences on a sample of them."""
    every = starts.published(laws.chinchilla)
    some = every[np.random.default_rng(0).choice(4500, sample, replace=False)]
    found = fit("chinchilla", TABLE)
    problem = found.problem.every(4500)
    ours, theirs, told = against(
        lambda: solver.minima(problem, every, levels=1),
        lambda: shared_out(scipy_lbfgs_differences, some), times,
    )  # fmt: skip
    scale = 4500 / sample
    told.update(peer_cpu_s=told["peer_cpu_s"] * scale, peer_wall_s=told["peer_wall_s"] * scale)
    told["peer_timed_on"] = f"{sample} random starts of 4,500, scaled"
    told["cpu_ratio"] = told["peer_cpu_s"] / told["ours_cpu_s"]
    told["wall_ratio"] = told["peer_wall_s"] / told["ours_wall_s"]
    least = found.objective * (1 + 1e-6)
    told["ours_at_minimum"] = float((ours.objective <= least).mean())
    told["peer_at_minimum"] = float((theirs <= least).mean())
    return told


def benchmark_curves():
    table = rows("revisiting_vision.csv") + rows("revisiting_lang.csv")
    numeric = ("Seen Examples", "Loss", "Training")
    return {k: numbers(table, k) if k in numeric else [r[k] for r in table] for k in table[0]}


def scipy_curve(x, y, form, tries, rng):
    """The best of random starts by least squares on log loss; returns parameters."""

    def predicted(t, x):
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
        end = least_squares(lambda t: predicted(t, x) - np.log(y), start[:width], max_nfev=2000)
        best = end if best is None or end.cost < best.cost else best
    return lambda x: predicted(best.x, x)


def scipy_curves(columns):
    """The three laws one curve and one start at a time: 1, 10 and 30 random starts."""
    names = np.array([" / ".join(k) for k in zip(*(columns[c] for c in ("Domain", "Task", "Model")),
                                                 strict=True)], object)  # fmt: skip
    rng, scores = np.random.default_rng(0), {"power": [], "power_constant": [], "bnsl1": []}
    for name in dict.fromkeys(names.tolist()):
        mine = names == name
        x, y = columns["Seen Examples"][mine], columns["Loss"][mine]
        train = columns["Training"][mine] == 1
        for form, tries in (("power", 1), ("power_constant", 10), ("bnsl1", 30)):
            made = scipy_curve(x[train], y[train], form, tries, rng)
            error = made(x[~train]) - np.log(y[~train])
            scores[form].append(np.sqrt((error**2).mean()))
    return {k: float(np.median(v)) for k, v in scores.items()}


def curves(times):
    columns = benchmark_curves()
    ours, theirs, told = against(
        lambda: learning_curves(columns, ("Domain", "Task", "Model"), size="Seen Examples",
                                loss="Loss", held="Training"),
        lambda: scipy_curves(columns), times,
    )  # fmt: skip
    told["cpu_ratio"] = told["peer_cpu_s"] / told["ours_cpu_s"]
    told["wall_ratio"] = told["peer_wall_s"] / told["ours_wall_s"]
    told.update(ours_medians=ours.medians, peer_medians=theirs, ours_wins=ours.wins)
    return told


def lmfit_once():
    """One lmfit run from Hoffmann's values on the Huber-weighted residuals of log loss."""
    try:
        import lmfit
    except ImportError:
        return "not installed"
    names = ("a", "b", "e", "alpha", "beta")
    start = lmfit.create_params(**dict(zip(names, HOFFMANN, strict=True)))
    n, d, y = POINTS

    def root(p):
        a, b, e, alpha, beta = (p[k].value for k in names)
        pieces = np.array([a - alpha * n, b - beta * d, np.full_like(n, e)])
        r = np.abs(logsumexp(pieces, axis=0) - y)
        # Huber's cost as a square, the only shape lmfit's least squares takes.
        return np.sqrt(np.where(r <= DELTA, r * r / 2, DELTA * (r - DELTA / 2)))

    end, cpu, _ = spent(lambda: lmfit.minimize(root, start))
    return {"cpu_s": cpu, "objective": float((end.residual**2).sum()),
            "version": lmfit.__version__}  # fmt: skip


def absent(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed: not timed"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one turn each, a smaller sample")
    quick = parser.parse_args().quick
    times = 1 if quick else 3
    warnings.simplefilter("ignore")
    fit("chinchilla", TABLE)
    bootstrap(fit("chinchilla", TABLE), 10, grid=True)
    learning_curves({k: v[:300] for k, v in benchmark_curves().items()},
                    ("Domain", "Task", "Model"), size="Seen Examples", loss="Loss",
                    held="Training")  # fmt: skip
    report = {
        "machine": f"{platform.machine()}, {processor()}, {os.cpu_count()} cores, shared",
        "python": platform.python_version(), "numpy": np.__version__,
        "scipy": importlib.metadata.version("scipy"), "numba": importlib.metadata.version("numba"),
        "gpu": "none in this session: the 18 million fits on a GPU were not run",
        "minimum": minimum(), "resamples_4000": resamples(times),
        "published_4500": published_grid(times, 45 if quick else 150), "curves_92": curves(1),
        "lmfit": lmfit_once(), "vpnls": absent("vpnls"), "chinchilla": absent("chinchilla"),
    }  # fmt: skip
    text = json.dumps(report, indent=1)
    print(text)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"scaling-{platform.machine()}-{os.cpu_count()}cores.json").write_text(text)


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "unknown")


if __name__ == "__main__":
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # One thread a process for everyone's linear algebra; NumPy reads this when it is loaded.
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    main()
