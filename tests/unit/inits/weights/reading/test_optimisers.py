"""What an optimiser remembers is no weight, whatever key it lies under and however deep."""

import numpy as np
import pytest

from workbench.inits.weights.reading.files import contents

WHY = "part of an optimiser's state"


@pytest.mark.parametrize(
    ("kind", "options"),
    [("Adam", {}), ("SGD", {"momentum": 0.9}), ("Adagrad", {}), ("RMSprop", {"momentum": 0.9})],
)
@pytest.mark.parametrize("path", ["optimizer_states", "opt", "g", "trainer.deep.er"])
def test_a_state_of_torch_is_known_by_its_form(tmp_path, kind, options, path):
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(5, 3)
    optimiser = getattr(torch.optim, kind)(layer.parameters(), **options)
    layer(torch.ones(1, 5)).sum().backward()
    optimiser.step()
    both = {"state_dict": layer.state_dict()}
    inner = both
    *folders, last = path.split(".")
    for folder in folders:
        inner = inner.setdefault(folder, {})
    inner[last] = [optimiser.state_dict()]
    torch.save(both, tmp_path / "w.ckpt")
    found = contents(str(tmp_path / "w.ckpt"))
    assert list(found.arrays) == ["weight", "bias"]
    tensors = [v for one in optimiser.state.values() for v in one.values() if torch.is_tensor(v)]
    assert list(found.unread.values()) == [WHY] * len(tensors)
    assert tensors


STATES = [
    "opt.state.0.exp_avg",
    "optim.w",
    "optimizer/vars/3",
    "optimizer_weights/Adam/dense/kernel/m:0",
    "training.adam.m.w",
    "trainer.AdamW.w",
    "sgd_0.w",
    "model.layer.exp_avg_sq",
    "a.b.c.momentum_buffer",
    "a.max_exp_avg_sq",
    "g_optimizer.w",
    "optimizer_state_dict.base.w",
    "opt_state/0/mu/params/dense/kernel",
    "opt/0/nu/dense/kernel",
    "lr_schedulers.0.w",
]
# An OPT is a language model, and whoever has `opt` or `adam` within a word may be a layer.
WEIGHTS = [
    "opt_model.decoder.layers.0.fc1.weight",
    "opt.decoder.layers.0.fc1.weight",
    "adapter.weight",
    "optical_flow.weight",
    "optimal_transport.weight",
    "adam_s_apple",
    "option.state.weight",
]


def test_elsewhere_it_is_known_by_names(tmp_path):
    arrays = {name: np.full((2, 2), k) * 1.0 for k, name in enumerate(STATES + WEIGHTS)}
    np.savez(tmp_path / "w.npz", **arrays)
    found = contents(str(tmp_path / "w.npz"))
    assert list(found.arrays) == WEIGHTS
    assert found.unread == dict.fromkeys(STATES, WHY)


def test_weights_under_a_key_that_is_short_for_an_optimiser_are_weights(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"opt": torch.nn.Linear(5, 3).state_dict()}, tmp_path / "w.pt")
    assert list(contents(str(tmp_path / "w.pt")).arrays) == ["weight", "bias"]
