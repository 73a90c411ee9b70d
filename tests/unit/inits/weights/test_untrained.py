"""Fresh matrices of torch, Keras and JAX are recognised; whatever is altered by a little is not."""

import math

import numpy as np
import pytest

from workbench.inits.weights.digits_mlp import trained_digits
from workbench.inits.weights.effective_rank import singular
from workbench.inits.weights.reading.layouts import as_matrix
from workbench.inits.weights.untrained import as_drawn, initial_laws, transformer_blocks


def named(name, value, layout="torch", bias=None, **about):
    matrix = value if about.get("is_table") else as_matrix(name, value, layout)
    laws = initial_laws(name, value.shape, layout, **about)
    return as_drawn(matrix, laws, singular(matrix), bias)


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    return torch


def test_fresh_layers_of_torch(torch):
    numpy = torch.Tensor.numpy
    for layer in (torch.nn.Linear(64, 32), torch.nn.Linear(20, 10), torch.nn.Conv2d(8, 16, 3)):
        for kind in (torch.float32, torch.bfloat16, torch.float16):
            value = numpy(layer.weight.detach().to(kind).float())
            bias = numpy(layer.bias.detach())
            assert named("a.weight", value, bias=bias) == "torch's Linear and Conv"
    table = numpy(torch.nn.Embedding(90, 32).weight.detach())
    assert named("e.weight", table, is_table=True) == "torch's Embedding"
    lstm = numpy(torch.nn.LSTM(20, 40).weight_ih_l0.detach())
    assert named("weight_ih_l0", lstm, units=40) == "torch's recurrent layers"
    assert named("weight_ih_l0", lstm) == ""
    he = numpy(torch.nn.init.kaiming_normal_(torch.empty(64, 64)))
    assert named("a.weight", he) == "He normal"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras's, of NumPy
def test_fresh_layers_of_jax_and_keras(monkeypatch):
    jax = pytest.importorskip("jax")
    key = jax.random.key(2)
    scale = jax.nn.initializers
    dense = np.asarray(scale.lecun_normal()(key, (64, 32)))
    assert named("d/kernel", dense, "flax").startswith("LeCun")
    conv = np.asarray(scale.glorot_uniform()(key, (3, 3, 8, 16)))
    assert named("c/kernel", conv, "keras") == "Glorot uniform"
    # As flax.linen.Embed draws.
    table = np.asarray(scale.variance_scaling(1.0, "fan_in", "normal", out_axis=0)(key, (90, 32)))
    assert named("e/embedding", table, "flax", is_table=True) == "Flax's Embed"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    table = keras.ops.convert_to_numpy(keras.initializers.RandomUniform(seed=1)((90, 32)))
    assert named("e/embeddings", table, "keras", is_table=True) == "Keras's Embedding"
    turned = keras.ops.convert_to_numpy(keras.initializers.Orthogonal(seed=1)((40, 160)))
    assert named("lstm/recurrent_kernel", turned, "keras") == "orthogonal"


def test_fresh_gpt2():
    rng = np.random.default_rng(3)
    names = [f"h.{k}.{part}.c_proj.weight" for k in range(12) for part in ("attn", "mlp")]
    assert transformer_blocks(names) == 12
    attention = rng.normal(0, 0.02, (64, 192))
    assert named("h.0.attn.c_attn.weight", attention, "gpt2", blocks=12).startswith(
        "normal of 0.02"
    )
    added = rng.normal(0, 0.02 / math.sqrt(24), (256, 64))
    assert named(names[1], added, "gpt2", blocks=12) == "GPT-2's c_proj"


def test_no_more_fresh_matrices_are_missed_than_the_level_says():
    rng = np.random.default_rng(4)
    missed = 0
    for _ in range(400):
        missed += not named("a.weight", rng.uniform(-1, 1, (24, 16)) / 4)
        missed += not named("a.weight", rng.normal(0, 0.02, (40, 32)))
    # 800 times 1/10,000 are 0.08; four would come in one of a million such tests.
    assert missed < 4


def test_what_is_altered_by_a_little_is_no_draw():
    rng = np.random.default_rng(5)
    fresh = rng.uniform(-1, 1, (64, 64)) / 8
    assert named("a.weight", fresh)
    spike = np.outer(rng.standard_normal(64), rng.standard_normal(64)) / 64
    others = {
        "scaled": 1.05 * fresh,
        "shrunk": 0.95 * fresh,
        "moved": fresh + 0.005,
        "one row": np.where(np.arange(64)[:, None] == 3, fresh + 0.1, fresh) * 0.999,
        "one direction": np.clip(fresh + 1.2 * spike, -0.125, 0.125),
        "one entry": np.where(np.arange(4096).reshape(64, 64) == 7, 0.126, fresh),
        "other law": rng.normal(0, fresh.std(), (64, 64)),
    }
    for name, value in others.items():
        assert named("a.weight", value.astype(np.float32)) == "", name


def test_a_bias_that_moved_tells_of_training():
    fresh = np.random.default_rng(6).normal(0, math.sqrt(2 / 64), (64, 64))
    assert named("a.weight", fresh, bias=np.zeros(64)) == "He normal"
    assert named("a.weight", fresh, bias=np.full(64, 0.01)) == ""


def test_too_few_weights_are_not_judged():
    rng = np.random.default_rng(7)
    assert named("a.weight", rng.uniform(-1, 1, (9, 9)) / 3) == ""
    assert named("a.weight", rng.normal(0, 0.02, (30, 30))) == ""


def test_layers_of_a_network_before_and_after_training():
    found, _ = trained_digits(np.random.default_rng(0))
    first, last = ({n: named("w", w) for n, w in found[k].items()} for k in ("first", "last"))
    assert set(first.values()) == {"He normal"}
    # The first layer changed by an eighth of its norm in all directions alike: too little to see.
    assert last["layer 1.weight"] == ""


def test_trained_layers_of_torch_are_not_called_fresh(torch):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = torch.tensor((images - images.mean()) / images.std(), dtype=torch.float32)
    y, net = (
        torch.tensor(labels),
        torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)),
    )

    def seen():
        layers = (net[0], net[2])
        both = [(m.weight.detach().numpy(), m.bias.detach().numpy()) for m in layers]
        return [named("a.weight", w, bias=b) for w, b in both]

    assert seen() == ["torch's Linear and Conv"] * 2
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for step in range(100):
        some = torch.arange(100 * step, 100 * step + 100) % 1400
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x[some]), y[some]).backward()
        optimiser.step()
    assert seen() == ["", ""]
