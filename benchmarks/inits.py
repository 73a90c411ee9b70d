"""Filling large weights, and sixteen deep networks forward and backward, beside torch and JAX.

Needs the extra `references`, and runs in one command:

    make benchmark-inits

or, with any Python that has the extra, `python benchmarks/inits.py [--rounds 7] [--threads 2]`.
Every contender runs in every round, in turn, so that what else the machine does falls on all of
them; medians over rounds and their ratios are kept, and least times beside them. Every contender
makes a new array, as a layer does when it is built; "torch, in place" fills one that is there.
"""

import argparse
import json
import os
import statistics
import time

import torch
from machine import machine, write_results

from workbench.base.array import device_name, generator, host
from workbench.inits.networks.propagation import propagate
from workbench.inits.schemes import variance_scaling
from workbench.inits.schemes.orthogonal import orthogonal

SHAPE = (4096, 4096)


def fillers(rng):
    """Contenders that fill one array of SHAPE, by what they draw and who draws it."""
    import jax

    key, there = jax.random.PRNGKey(0), torch.empty(SHAPE)
    draws = {}
    for kind in ("normal", "uniform", "truncated_normal"):
        ours = {"distribution": kind}
        draws[kind, "workbench"] = lambda o=ours: host(variance_scaling.he(rng, SHAPE, **o)[:1, :1])
        theirs = jax.nn.initializers.variance_scaling(2.0, "fan_in", kind, in_axis=1, out_axis=0)
        drawn = jax.jit(lambda k, make=theirs: make(k, SHAPE))
        draws[kind, "jax"] = lambda d=drawn: d(key).block_until_ready()
    init = torch.nn.init
    relu = {"nonlinearity": "relu"}
    fills = {
        "normal": lambda x: init.kaiming_normal_(x, **relu),
        "uniform": lambda x: init.kaiming_uniform_(x, **relu),
        "truncated_normal": init.trunc_normal_,
    }
    for kind, fill in fills.items():
        draws[kind, "torch"] = lambda f=fill: f(torch.empty(SHAPE))
        draws[kind, "torch, in place"] = lambda f=fill: f(there)
    draws["orthogonal 512", "workbench"] = lambda: host(orthogonal(rng, (512, 512))[:1, :1])
    draws["orthogonal 512", "torch"] = lambda: init.orthogonal_(torch.empty(512, 512))
    return draws


def torch_propagate(width, depth, networks, inputs):
    """What `propagate` measures, as a plain loop over networks and layers in torch."""
    for _ in range(networks):
        z, weights, slopes = torch.randn(inputs, width), [], []
        for _ in range(depth):
            signal = torch.relu(z)
            moments(z, signal)
            slopes.append((z > 0).float())
            weights.append(torch.randn(width, width) * (2 / width) ** 0.5)
            z = signal @ weights[-1].T
        moments(z, torch.relu(z))
        gradient = torch.randn(inputs, width)
        for weight, slope in zip(reversed(weights), reversed(slopes), strict=True):
            gradient = (gradient @ weight) * slope
            gradient.square().mean().item()


def moments(z, signal):
    return z.square().mean().item(), signal.square().mean().item(), signal.mean().item()


def timed(contenders, rounds):
    """Seconds of each contender in each round, after one round that is thrown away."""
    seconds = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, run in contenders.items():
            begin = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def report(seconds):
    """Medians and least times, and each rival's over ours."""
    tasks = {}
    for (task, who), spent in seconds.items():
        taken = {"median": statistics.median(spent), "least": min(spent)}
        tasks.setdefault(task, {})[who] = taken
    for times in tasks.values():
        ours = times["workbench"]
        for who in [w for w in times if w != "workbench"]:
            ratios = {kind: times[who][kind] / ours[kind] for kind in ours}
            times[f"{who} / workbench"] = ratios
    return tasks


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--depth", type=int, default=30)
    parser.add_argument("--networks", type=int, default=16)
    parser.add_argument("--inputs", type=int, default=64)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--backend", default="numpy")
    options = parser.parse_args()
    about = machine(("numpy", "torch", "jax"))
    limit(options.threads)
    rng = generator(0, options.backend)
    size = {"networks": options.networks, "inputs": options.inputs}
    widths = [options.width] * (options.depth + 1)
    deep = {
        ("propagate", "workbench"): lambda: propagate(
            rng, widths, "relu", variance_scaling.he, **size
        ),
        ("propagate", "torch"): lambda: torch_propagate(options.width, options.depth, **size),
    }
    tasks = report(
        {**timed(fillers(rng), options.rounds), **timed(deep, max(2, options.rounds // 2))}
    )
    products = 4 * options.networks * options.inputs * options.depth * options.width**2
    deepest = tasks["propagate"]
    deepest["products [Gflop/s]"] = products / deepest["workbench"]["median"] / 1e9
    record = {
        "machine": {**about, "device": device_name(options.backend), "threads": options.threads},
        "settings": {**vars(options), "shape": SHAPE},
        "seconds": tasks,
    }
    print(json.dumps(record, indent=1))
    write_results("inits", record)


def limit(threads):
    """Gives ours and torch's code so many threads; JAX has the machine's."""
    os.cpu_count = lambda: threads
    torch.set_num_threads(threads)


if __name__ == "__main__":
    main()
