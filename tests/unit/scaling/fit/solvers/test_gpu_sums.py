"""What the CUDA kernel adds up over points, as plain C++ beside the plain arrays."""

import numpy as np
import pytest
from emulated_gpu import compiled
from planted import COLUMNS, TYPICAL
from reference_solver import hessian

from workbench.scaling.fit import losses
from workbench.scaling.fit.solvers import gpu
from workbench.scaling.fit.solvers.problem import Problem, limits
from workbench.scaling.laws import autodiff, catalogue, operations
from workbench.scaling.laws import law as law_module

RULES = law_module.law(
    "E + minimum(A / size**alpha, B * exp(-size / d1)) * log(2 + K / size) - (-a)"
    " + exp(log(b) * share(beta / size**c, alpha))",
    ("size",),
)
SHAPES = {"asymmetric": 3.0, "student": 4.0}


def problem_of(law, loss, space="log", points=37):
    """Points around the law, and slots near the truth; residuals on both sides of every corner."""
    rng = np.random.default_rng(0)
    table = {c: np.exp(rng.uniform(*np.log(COLUMNS[c]), points)) for c in law.columns}
    truth = law.program.inside(law.vector({p: TYPICAL[p] for p in law.parameters}))
    program = law.program if space == "log" else law.program.raised()
    data = program.bound(table)
    target = autodiff.forward(program, truth[None], data).log_loss[0]
    target = target + 0.05 * rng.standard_normal(points)
    weights = rng.integers(1, 4, (1, points)).astype(float)
    cost = losses.cost(loss, 1e-2, SHAPES.get(loss))
    if loss == "absolute":
        cost = cost._replace(delta=1e-2)
    low, high = limits(program)
    problem = Problem(program, data, target, weights, np.array([[0, points, 0]]), low, high, cost)
    return problem, truth * (1 + 1e-3 * rng.standard_normal(len(truth)))


def plain(problem, theta):
    """The same sums by the array version."""
    trace = autodiff.forward(problem.program, theta[None], problem.data)
    slope, bend = autodiff.gradient(trace)[0], hessian(trace)[0]
    cost, w = problem.cost, problem.weights[0]
    price = losses.parts(cost.code, trace.log_loss[0] - problem.target, cost.delta, cost.shape)
    rho, psi, second, again = (w * p for p in price)
    products = slope[:, :, None] * slope[:, None, :]
    newton = np.tensordot(second, products, 1) + np.tensordot(psi, bend, 1)
    return rho.sum(), psi @ slope, np.tensordot(again, products, 1), newton


def same(kernel, problem, theta):
    value, gradient, gauss, newton = plain(problem, theta)
    found = kernel.totals(problem, theta)
    assert found[0] == pytest.approx(value, rel=1e-12)
    for mine, wanted in zip(found[1:], (gradient, np.tril(gauss), np.tril(newton)), strict=True):
        assert np.isfinite(wanted).all()
        # A sum of both signs is known to the size of its terms, here that of its row and column.
        size = np.sqrt(np.diag(gauss))
        size = size * np.sqrt(value) if mine.ndim == 1 else np.outer(size, size)
        np.testing.assert_allclose(mine / size, wanted / size, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("loss", losses.NAMES)
def test_chinchilla_s_own_sums_are_right_for_every_loss(folder, loss):
    kernel = compiled(folder, gpu.source(catalogue.chinchilla.program, True))
    same(kernel, *problem_of(catalogue.chinchilla, loss))


@pytest.mark.parametrize("space", ["log", "raw"])
@pytest.mark.parametrize("loss", losses.NAMES)
def test_a_tape_s_sums_are_right_for_every_loss(folder, loss, space):
    problem, theta = problem_of(catalogue.chinchilla, loss, space)
    same(compiled(folder, gpu.source(problem.program, False)), problem, theta)


@pytest.mark.parametrize("name", [*catalogue.NAMED, "every rule"])
def test_every_law_s_sums_are_right(folder, name):
    law = RULES if name == "every rule" else catalogue.NAMED[name]
    problem, theta = problem_of(law, "student")
    kernel = compiled(folder, gpu.source(problem.program, False))
    same(kernel, problem, theta)
    without = kernel.totals(problem, theta, exact=False)
    found = kernel.totals(problem, theta)
    np.testing.assert_array_equal(without[2], found[2])
    np.testing.assert_array_equal(without[1], found[1])


def test_the_rules_are_all_in_use():
    used = set(RULES.program.code) | set(catalogue.NAMED["bnsl1"].program.code)
    assert used == set(range(len(operations.NAMES)))
