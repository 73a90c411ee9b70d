import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.inits.schemes.mup import attention_scale, mup

roles = st.sampled_from(["input", "hidden", "output", "vector"])
widths = st.integers(1, 4096)


@given(roles, widths, widths, widths, st.sampled_from(["sgd", "adam"]))
def test_widths_compose(role, first, second, third, optimizer):
    direct = mup(role, third, first, optimizer)
    steps = zip(
        mup(role, second, first, optimizer), mup(role, third, second, optimizer), strict=True
    )
    assert direct == pytest.approx([a * b for a, b in steps])


@given(roles, widths, st.sampled_from(["sgd", "adam"]))
def test_the_base_width_changes_nothing(role, width, optimizer):
    assert mup(role, width, width, optimizer) == (1, 1, 1, 1)


@given(roles, widths, widths, st.sampled_from(["sgd", "adam"]))
def test_rate_times_decay_stays(role, width, base, optimizer):
    made = mup(role, width, base, optimizer)
    assert made.learning_rate * made.weight_decay == pytest.approx(1)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_mup_package_agrees(optimizer):
    torch, package = pytest.importorskip("torch"), pytest.importorskip("mup")
    base, width = 64, 256

    def network(n):
        return torch.nn.Sequential(
            torch.nn.Linear(10, n), torch.nn.Linear(n, n), package.MuReadout(n, 3)
        )

    model = network(width)
    package.set_base_shapes(model, network(base), delta=network(2 * base))
    maker = {"sgd": package.MuSGD, "adam": package.MuAdamW}[optimizer]
    made = maker(model.parameters(), lr=1.0, weight_decay=1.0)
    seen = {id(p): (g["lr"], g["weight_decay"]) for g in made.param_groups for p in g["params"]}
    layers = zip(model, ("input", "hidden", "output"), strict=True)
    for layer, role in layers:
        ours = mup(role, width, base, optimizer)
        assert seen[id(layer.weight)][0] == pytest.approx(ours.learning_rate), role
    assert model[2].width_mult() == 1 / mup("output", width, base).forward


@given(widths)
def test_attention_is_the_usual_one_at_the_base(width):
    assert attention_scale(width, width) == pytest.approx(width**-0.5)
    assert attention_scale(4 * width, width) == pytest.approx(width**-0.5 / 4)


def test_bad_input(unchecked):
    with pytest.raises(ValueError, match="`role` must be 'input', .*; got 'bias'"):
        mup("bias", 4, 4)
    with pytest.raises(ValueError, match="`optimizer` must be 'adam' or 'sgd'; got 'lion'"):
        mup("input", 4, 4, "lion")
    with pytest.raises(ValueError, match="`width` must be a whole number of at least 1; got 0"):
        mup("input", 0, 4)
