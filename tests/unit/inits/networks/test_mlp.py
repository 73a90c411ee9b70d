import functools

import numpy as np
import pytest

from workbench.inits.functions.activations import activation
from workbench.inits.networks.mlp import (
    Network,
    adam,
    loss_and_gradient,
    network,
    outputs,
    sgd,
    start,
)
from workbench.inits.schemes import variance_scaling

WIDTHS, NETWORKS, EXAMPLES = (5, 7, 6, 3), 4, 9


@pytest.fixture
def task():
    rng = np.random.default_rng(1)
    model = network(rng, WIDTHS, variance_scaling.lecun, NETWORKS)
    model = Network(model.weights, [b + rng.standard_normal(b.shape) for b in model.biases])
    x = rng.standard_normal((NETWORKS, EXAMPLES, 5))
    targets = rng.random((NETWORKS, EXAMPLES, 3))
    return model, x, targets / targets.sum(axis=2, keepdims=True)


def put(backend, model):
    return Network(*([backend.put(p) for p in part] for part in model))


@pytest.mark.parametrize("loss", ["squares", "classes"])
@pytest.mark.parametrize("which", ["tanh", "gelu", "mish", "leaky_relu", "sin"])
def test_gradients_are_the_loss_s_slopes(task, which, loss):
    model, x, targets = task
    _, gradient = loss_and_gradient(model, x, targets, which, loss)
    rng = np.random.default_rng(2)
    for part in (0, 1):
        for layer in range(3):
            # A random direction in every network at once; losses are apart by network.
            way = rng.standard_normal(model[part][layer].shape)

            def moved(step, part=part, layer=layer, way=way):
                parts = [list(model.weights), list(model.biases)]
                parts[part][layer] = parts[part][layer] + step * way
                return loss_and_gradient(Network(*parts), x, targets, which, loss)[0]

            slope = (moved(1e-5) - moved(-1e-5)) / 2e-5
            exact = (gradient[part][layer] * way).sum(axis=(1, 2))
            np.testing.assert_allclose(exact, slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("loss", ["squares", "classes"])
def test_everything_runs_where_its_arrays_live(backend, task, loss):
    model, x, targets = task
    there = put(backend, model), backend.put(x), backend.put(targets)
    value, gradient = loss_and_gradient(*there, "tanh", loss)
    expected, slopes = loss_and_gradient(model, x, targets, "tanh", loss)
    np.testing.assert_allclose(backend.back(value), expected, rtol=1e-12)
    stepped, _ = adam(there[0], gradient, start(there[0]), 0.1, decay=0.2)
    host_step, _ = adam(model, slopes, start(model), 0.1, decay=0.2)
    for part, other in zip(stepped, host_step, strict=True):
        for a, b in zip(part, other, strict=True):
            np.testing.assert_allclose(backend.back(a), b, rtol=1e-9, atol=1e-12)
    plain = sgd(there[0], gradient, 0.1)
    np.testing.assert_allclose(
        backend.back(plain.weights[1]), model.weights[1] - 0.1 * slopes.weights[1]
    )


def test_networks_do_not_meet(task):
    model, x, targets = task
    _, together = loss_and_gradient(model, x, targets, "tanh")
    alone = Network(*([p[2:3] for p in part] for part in model))
    _, gradient = loss_and_gradient(alone, x[2:3], targets[2:3], "tanh")
    for a, b in zip(gradient.weights, together.weights, strict=True):
        np.testing.assert_allclose(a[0], b[2], rtol=1e-12)


def test_outputs_by_a_plain_loop(task):
    model, x, _ = task
    f = activation("gelu")
    for one in range(NETWORKS):
        z = x[one]
        for index in range(3):
            z = (z if index == 0 else f(z)) @ model.weights[index][one].T + model.biases[index][one]
        np.testing.assert_allclose(outputs(model, x, "gelu")[one], z, rtol=1e-12)


@pytest.mark.parametrize(("loss", "decay"), [("squares", 0.0), ("classes", 0.1)])
def test_torch_s_training_agrees(task, loss, decay):
    torch = pytest.importorskip("torch")
    model, x, targets = task
    theirs = [torch.tensor(p, requires_grad=True) for part in model for p in part]
    groups = [
        {"params": theirs[:3], "weight_decay": decay},
        {"params": theirs[3:], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.05)
    state = start(model)
    for _ in range(20):
        optimizer.zero_grad()
        z = torch.tensor(x)
        for index in range(3):
            z = (z if index == 0 else z.tanh()) @ theirs[index].mT + theirs[3 + index]
        if loss == "squares":
            total = ((z - torch.tensor(targets)) ** 2).sum() / 2 / EXAMPLES
        else:
            total = -(torch.tensor(targets) * z.log_softmax(-1)).sum() / EXAMPLES
        total.backward()
        optimizer.step()
        _, gradient = loss_and_gradient(model, x, targets, "tanh", loss)
        model, state = adam(model, gradient, state, 0.05, decay=decay)
    for ours, other in zip([*model.weights, *model.biases], theirs, strict=True):
        np.testing.assert_allclose(ours, other.detach().numpy(), rtol=1e-8, atol=1e-11)


def test_training_recovers_a_teacher():
    rng = np.random.default_rng(3)
    scheme = functools.partial(variance_scaling.preserving, activation="tanh")
    teacher = network(rng, (4, 6, 2), scheme, 3)
    model = network(rng, (4, 24, 2), scheme, 3)
    x = rng.standard_normal((3, 200, 4))
    targets, state = outputs(teacher, x, "tanh"), start(model)
    losses = []
    for _ in range(600):
        loss, gradient = loss_and_gradient(model, x, targets, "tanh")
        model, state = adam(model, gradient, state, 0.01)
        losses.append(loss)
    assert (losses[-1] < 0.02 * losses[0]).all()


def test_bad_input(task, unchecked):
    model, x, targets = task
    with pytest.raises(ValueError, match="`targets` must be of the outputs' shape"):
        loss_and_gradient(model, x, targets[:, :, :2], "tanh")
    with pytest.raises(ValueError, match="`loss` must be 'squares' or 'classes'; got 'hinge'"):
        loss_and_gradient(model, x, targets, "tanh", "hinge")
    with pytest.raises(ValueError, match=r"`memories` must be two numbers in \[0, 1\)"):
        adam(model, model, start(model), 0.1, memories=(1.0, 0.9))
    with pytest.raises(ValueError, match="`widths` must be of at least two layers"):
        network(np.random.default_rng(0), [3], variance_scaling.he)
