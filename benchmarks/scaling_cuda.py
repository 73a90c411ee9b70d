"""Every published start of every resample, 18 million fits in FP64 on a GPU: time, share of peak.

    python benchmarks/scaling_cuda.py [--resamples 4000]

The Chinchilla law under the Huber loss from 4,500 starts on each of 4,000 resamples of 240 points:
the extracted ones where ../shared/data is there, else as many synthetic ones. Two times are
reported: the kernel's by the GPU's events, and everything by the clock. The peak is measured in the
same run, by a kernel of independent fused multiply-adds. A sample of the fits is repeated by Numba
on the processor. Results are written to benchmarks/results/scaling-cuda-GPU.json.
"""

import argparse
import csv
import json
import re
import sys
import time
from pathlib import Path

import numpy as np
from gpu_events import Stopwatch, Timed

from workbench.base.array import device_name, generator
from workbench.scaling.fit import starts
from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.solvers import gpu, minimise
from workbench.scaling.inference.bootstrap import pair_counts
from workbench.scaling.laws import catalogue

HERE = Path(__file__).parent
EXTRACTED = HERE.parents[1] / "shared" / "data" / "chinchilla_svg_extracted.csv"
RESAMPLES_AT_ONCE = 100
# Additions and multiplications a point, a fused one counted as two, along Huber's path through the
# machine code (nvcc 13.0, alike for sm_80, sm_90 and sm_100): of the objective 49 fused and 28
# others, of gradient and matrices 98 and 55. Comparisons, and what a warp's lanes all do alike,
# are not counted.
OBJECTIVE, MOMENTS = 126, 251
# Steps that are taken, and so ask for new matrices, as a share of all: counted on 300 of the fits.
TAKEN = 0.65

PEAK = """
extern "C" __global__ void peak(double *out, int rounds) {
  double x[8];
  for (int k = 0; k < 8; ++k) x[k] = threadIdx.x + k;
  for (int round = 0; round < rounds; ++round)
#pragma unroll
    for (int k = 0; k < 8; ++k) x[k] = fma(x[k], 0.999999, 1e-6);
  double sum = 0;
  for (int k = 0; k < 8; ++k) sum += x[k];
  out[(long long)blockIdx.x * blockDim.x + threadIdx.x] = sum;
}
"""


def peak(cupy):
    """FP64 operations a second, the best of five."""
    watch = Stopwatch(cupy)
    kernel = Timed(cupy.RawKernel(PEAK, "peak"), watch)
    blocks, threads, rounds = 4096, 256, 4096
    out, best = cupy.empty(blocks * threads), 0.0
    for _ in range(6):
        kernel((blocks,), (threads,), (out, np.int32(rounds)))
        best = max(best, 16.0 * rounds * blocks * threads / watch.seconds())
    return best


def table():
    """The 240 points below the fifth highest loss, or as many from Hoffmann's law with noise."""
    if EXTRACTED.is_file():
        with EXTRACTED.open(newline="") as file:
            rows = list(csv.DictReader(file))
        names = ("Model Size", "Training FLOP", "loss")
        n, c, loss = (np.array([float(row[k]) for row in rows]) for k in names)
        keep = loss < np.sort(loss)[-5]
        points = {"parameters": n[keep], "tokens": c[keep] / 6 / n[keep], "loss": loss[keep]}
        return points, "extracted"
    rng = np.random.default_rng(0)
    points = {"parameters": 10 ** rng.uniform(7.5, 10.2, 240)}
    points["tokens"] = 10 ** rng.uniform(9, 11.5, 240)
    truth = {"A": 482.0, "B": 2085.0, "E": 1.82, "alpha": 0.348, "beta": 0.366}
    exact = catalogue.chinchilla.value(truth, points)
    return points | {"loss": exact * np.exp(0.005 * rng.standard_t(3, 240))}, "made up"


def measured(cupy, resamples):
    points, origin = table()
    fitted = fit("chinchilla", {k: cupy.asarray(v) for k, v in points.items()})
    begin = starts.published(catalogue.chinchilla)
    counts = pair_counts(np.random.default_rng(0), resamples, len(points["loss"]))
    text = gpu.source(catalogue.chinchilla.program, True)
    watch = Stopwatch(cupy)
    kernel = Timed(gpu._compiled(cupy, text), watch)
    gpu._compiled = lambda xp, text: kernel

    def ended(rows):
        problem = fitted.problem.resampled(rows, len(begin))
        return minimise.minima(problem, np.tile(begin, (len(rows), 1)), levels=1)

    ended(counts[:1])
    watch.seconds()
    best, work, agreed, converged, steps, on_gpu = [], 0.0, 0, 0, 0, 0.0
    clock = time.perf_counter()
    for first in range(0, resamples, RESAMPLES_AT_ONCE):
        rows = counts[first : first + RESAMPLES_AT_ONCE]
        ends = ended(rows)
        on_gpu += watch.seconds()
        objective = ends.objective.reshape(len(rows), -1)
        least = objective.min(axis=1)
        best.append(least)
        agreed += int((objective <= least[:, None] * (1 + 1e-6)).sum())
        converged += int(ends.converged.sum())
        steps += int(ends.iterations.sum())
        each = ends.iterations.reshape(len(rows), -1).sum(axis=1)
        path = (rows > 0).sum(axis=1)
        work += float((path * (OBJECTIVE * (each + len(begin)) + MOMENTS * TAKEN * each)).sum())
    wall, fits = time.perf_counter() - clock, resamples * len(begin)
    return {
        "fits": fits, "points": origin, "wall_s": wall, "kernel_s": on_gpu,
        "fits_per_s": fits / on_gpu, "steps_per_fit": steps / fits, "converged": converged / fits,
        "at_the_resample's_least": agreed / fits, "operations": work,
        "operations_per_s": work / on_gpu,
        "differs_from_numba": checked(fitted, counts[:5], begin, np.concatenate(best)),
    }  # fmt: skip


def checked(fitted, counts, begin, best):
    """The largest relative difference of the least objectives from Numba's."""
    problem = fitted.problem.resampled(counts, len(begin))
    here = minimise.minima(problem, np.tile(begin, (len(counts), 1)), levels=1, method="numba")
    least = here.objective.reshape(len(counts), -1).min(axis=1)
    return float(np.abs(best[: len(counts)] / least - 1).max())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resamples", type=int, default=4000, help="4,500 fits each")
    resamples = parser.parse_args().resamples
    if resamples < 1:
        sys.exit(f"`resamples` must be at least 1; got {resamples}")
    try:
        generator(0, "cupy")
    except ValueError as error:
        sys.exit(f"nothing was measured: this benchmark needs a GPU ({error})")
    import cupy

    report = {"gpu": device_name("cupy"), "cupy": cupy.__version__, "peak_per_s": peak(cupy)}
    report |= measured(cupy, resamples)
    report["share_of_peak"] = report["operations_per_s"] / report["peak_per_s"]
    print(json.dumps(report, indent=1))
    name = re.sub(r"[^A-Za-z0-9]+", "-", report["gpu"])
    path = HERE / "results" / f"scaling-cuda-{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
