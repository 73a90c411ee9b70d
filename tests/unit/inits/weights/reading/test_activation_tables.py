import pytest

from workbench.inits.weights.reading.activation_tables import activation_of, read_activations


def test_the_first_pattern_that_a_name_fits_decides(tmp_path):
    path = tmp_path / "activations.csv"
    path.write_text("pattern,activation\n*1,relu\nfc2, linear\n\n*,tanh\n")
    table = read_activations(str(path))
    assert table == [("*1", "relu"), ("fc2", "linear"), ("*", "tanh")]
    assert [activation_of(n, table[:2], "gelu") for n in ("fc1", "fc2", "FC2")] == [
        "relu",
        "linear",
        "gelu",
    ]
    assert activation_of("FC2", table, "gelu") == "tanh"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*1,relu\nfc2,swich", "known activations in line 2"),
        ("*1,relu,3", "a pattern and an activation in line 1"),
        ("relu", "a pattern and an activation in line 1"),
    ],
)
def test_a_line_that_is_no_pattern_and_activation_is_refused(tmp_path, text, message):
    path = tmp_path / "activations.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_activations(str(path))
