import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.inits.schemes.fans import fans

sizes = st.integers(1, 6)


def counted(inputs, outputs, kernel, stride, groups, transposed):
    """The fans of a circular 1-D convolution counted weight by weight over a long line."""
    length = 60
    met, reached = np.zeros((outputs, length)), np.zeros((inputs, length))
    wide, narrow = (length, length // stride)
    for i in range(inputs):
        for o in range(outputs):
            if i * groups // inputs != o * groups // outputs:
                continue
            for place in range(narrow):
                for k in range(kernel):
                    fine = (place * stride + k) % wide
                    here, there = (place, fine) if transposed else (fine, place)
                    reached[i, here] += 1
                    met[o, there] += 1
    lines = (narrow, wide) if transposed else (wide, narrow)
    return met[:, : lines[1]].mean(), reached[:, : lines[0]].mean()


@given(sizes, sizes, st.integers(1, 4), st.sampled_from([1, 2, 3]), st.integers(1, 3))
def test_convolutions_and_transposed_ones_count_their_weights(i, o, kernel, stride, groups):
    inputs, outputs = i * groups, o * groups
    plain = fans((outputs, i, kernel), groups=groups, stride=stride)
    assert plain == pytest.approx(counted(inputs, outputs, kernel, stride, groups, False))
    back = fans(
        (inputs, o, kernel), in_axis=0, out_axis=1, groups=groups, spans="in", stride=stride
    )
    assert back == pytest.approx(counted(inputs, outputs, kernel, stride, groups, True))


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_plain_fans_are_torch_s(shape):
    init = pytest.importorskip("torch.nn.init")
    torch = pytest.importorskip("torch")
    expected = init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert fans(tuple(shape)) == expected


def test_torch_s_grouped_fan_out_is_not_ours():
    # 16 → 32 channels, 3 × 3, four groups: each input feeds 8 of 32 outputs.
    assert fans((32, 4, 3, 3), groups=4) == (36, 72)
    init = pytest.importorskip("torch.nn.init")
    torch = pytest.importorskip("torch")
    assert init._calculate_fan_in_and_fan_out(torch.empty(32, 4, 3, 3)) == (36, 288)


def test_depthwise_kernels_of_both_layouts():
    assert fans((32, 1, 3, 3), groups=16) == (9, 18)
    assert fans((3, 3, 16, 2), in_axis=-2, out_axis=-1, groups=16, spans="in") == (9, 18)


def test_axes_may_be_several_and_layers_stand_side_by_side():
    assert fans((7, 3, 4, 5), in_axis=(2, 3), out_axis=1, batch_axis=0) == (20, 3)
    assert fans((256, 1024), in_axis=0, out_axis=1) == (256, 1024)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (((5,),), "`shape` must be of rank 2 or more, outputs and inputs among the axes; got"),
        (((5, 0),), "`shape` must be of positive sizes, without which a fan is zero; got"),
        (((5, 3), 2), "must be axes of a shape of rank 2; got 2"),
        (((5, 3), 0, 0), "must be different axes; got"),
        (((5, 3), 1, ()), "must be different axes; got"),
        (((6, 3), 1, 0, (), 4), "`groups` must be a divisor of the 6 channels that span them"),
        (((6, 3), 1, 0, (), 0), "`groups` must be a divisor of the 6 channels that span them"),
        (((6, 3), 1, 0, (), 1, "both"), "`spans` must be 'in' or 'out'; got 'both'"),
        (((6, 3), 1, 0, (), 1, "out", 0), "`stride` must be at least 1; got 0"),
    ],
)
def test_bad_input(unchecked, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        fans(*arguments)
