import numpy as np
import pytest

from workbench.inits.weights.reading.layouts import as_matrix, gates, guess

FRESH = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shapes", "layout"),
    [
        ({"fc.weight": (64, 64), "fc.bias": (64,)}, "torch"),
        ({"conv1/kernel": (3, 3, 1, 32), "dense/kernel": (64, 64)}, "keras"),
        ({"dense/kernel:0": (5, 7)}, "keras"),
        ({"params/Dense_0/kernel": (5, 7)}, "flax"),
        ({"Embed_0/embedding": (9, 4), "Dense_0/kernel": (4, 4)}, "flax"),
        ({"h.0.attn.c_attn.weight": (8, 24), "h.0.attn.c_attn.bias": (24,)}, "gpt2"),
        ({"h.0.attn.c_attn.weight": (24, 8)}, "torch"),  # GPT-2 written with torch's Linear
        ({"model/h0/mlp/c_fc/w": (1, 8, 32)}, "gpt2"),
        ({"arr_0": (784, 32), "arr_1": (32,), "arr_2": (32, 10), "arr_3": (10,)}, "keras"),
        ({"arr_0": (32, 784), "arr_1": (32,), "arr_2": (10, 32), "arr_3": (10,)}, "torch"),
        ({"w1": (784, 256), "w2": (256, 128), "w3": (128, 10)}, "keras"),
        ({"w1": (256, 784), "w2": (128, 256), "w3": (10, 128)}, "torch"),
        ({"a": (3, 3, 16, 32)}, "keras"),
        ({"a": (32, 16, 3, 3)}, "torch"),
        ({"a": (3, 3, 3, 3)}, "torch"),
    ],
)
def test_a_layout_is_guessed_by_names_and_shapes(shapes, layout):
    found = guess(shapes)
    assert found.layout == layout
    assert found.why.startswith(("by ", "as "))


def test_the_ending_of_keras_s_files_decides():
    assert guess({"layers/dense/vars/0": (5, 7)}, ".keras").layout == "keras"


def test_a_matrix_multiplies_as_its_layer_does():
    """Each layer's own output, by torch and Keras, is the matrix times what the layer sums."""
    torch = pytest.importorskip("torch")
    x = torch.randn(1, 4, 3, 3)
    conv = torch.nn.Conv2d(4, 6, 3, bias=False)
    matrix = as_matrix("conv.weight", conv.weight.detach().numpy(), "torch")
    out = conv(x).detach().numpy().ravel()
    np.testing.assert_allclose(matrix @ x.numpy().ravel(), out, atol=1e-5)
    # The same convolution as Keras stores it, (field, field, inputs, outputs).
    kernel = conv.weight.detach().permute(2, 3, 1, 0).numpy()
    moved = as_matrix("conv/kernel", kernel, "keras")
    np.testing.assert_allclose(moved @ x.permute(0, 2, 3, 1).numpy().ravel(), out, atol=1e-5)
    assert moved.shape == (6, 36)


@pytest.mark.parametrize(
    ("name", "shape", "layout", "size"),
    [
        ("dense/kernel", (5, 7), "keras", (7, 5)),
        ("block/depthwise_kernel", (3, 3, 8, 2), "keras", (16, 9)),
        ("block/pointwise_kernel", (1, 1, 16, 5), "keras", (5, 16)),
        ("conv2d_transpose/kernel", (3, 3, 5, 8), "keras", (5, 72)),
        ("attention/query/kernel", (32, 4, 8), "flax", (32, 32)),
        ("attention/value/kernel", (32, 2, 8), "keras", (16, 32)),
        ("attention/attention_output/kernel", (4, 8, 30), "keras", (30, 32)),
        ("h.0.mlp.c_fc.weight", (8, 32), "gpt2", (32, 8)),
        ("lm_head.weight", (50, 8), "gpt2", (50, 8)),
        ("x.weight", (0, 4), "torch", (0, 4)),
        ("x/kernel", (0, 4), "keras", (4, 0)),
    ],
)
def test_sizes_of_the_matrix(name, shape, layout, size):
    assert as_matrix(name, np.zeros(shape), layout).shape == size


def test_a_head_of_attention_sums_its_input():
    kernel = FRESH.random((6, 2, 5))
    x = FRESH.random(6)
    out = np.einsum("i,ihk->hk", x, kernel).ravel()
    np.testing.assert_allclose(as_matrix("query/kernel", kernel, "flax") @ x, out)


def test_recurrent_matrices_are_cut_into_gates():
    torch = pytest.importorskip("torch")
    for layer, names in (
        (torch.nn.LSTM(7, 5, bidirectional=True), ["input", "forget", "cell", "output"]),
        (torch.nn.GRU(7, 5), ["reset", "update", "new"]),
        (torch.nn.LSTM(7, 8, proj_size=3), ["input", "forget", "cell", "output"]),
        (torch.nn.RNN(7, 5), []),
    ):
        shapes = {f"rnn.{n}": tuple(p.shape) for n, p in layer.named_parameters()}
        for name in shapes:
            if "weight_ih" in name or "weight_hh" in name:
                units, parts = gates(name, shapes, "torch")
                assert (units, [p.name for p in parts]) == (layer.hidden_size, names)
                if parts:
                    assert parts[-1].rows.stop == shapes[name][0]
    keras = {"lstm/kernel": (7, 20), "lstm/recurrent_kernel": (5, 20), "d/kernel": (5, 20)}
    assert gates("lstm/kernel", keras, "keras")[0] == 5
    assert [g.name for g in gates("lstm/recurrent_kernel", keras, "keras")[1]][1] == "forget"
    assert gates("d/kernel", keras, "keras") == (0, [])


def test_bad_input():
    with pytest.raises(ValueError, match="`value` must be of rank 2 or more"):
        as_matrix("w", np.zeros(3), "torch")
