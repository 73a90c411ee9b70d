import pytest

from workbench.scaling.datasets.curve_tables import TRAINING, curves_of, marked


def table(path, training=None):
    rows = ["Task,Seen Examples,Loss" + (",Training" if training else "")]
    for task in "abc":
        rows += [
            f"{task},{2**k},{2.0 ** (-0.3 * k)}" + (f",{training(k)}" if training else "")
            for k in range(10)
        ]
    path.write_text("\n".join(rows))
    return curves_of(str(path))


def test_rows_beyond_the_reach_are_held_out(tmp_path):
    some = marked(table(tmp_path / "curves.csv"), ["c", "a"], 4.0)
    assert list(some.rows) == ["c", "a"]
    assert some.table["Task"].tolist() == ["a"] * 10 + ["c"] * 10
    for name, rows in some.rows.items():
        assert some.table["Task"][rows].tolist() == [name] * 10
        size, fitted = some.table[some.size][rows], some.table[TRAINING][rows]
        assert fitted.tolist() == [1.0] * 8 + [0.0] * 2
        assert size[fitted == 1].max() * 4 == size.max()


def test_a_table_says_itself_what_is_held_out(tmp_path):
    curves = table(tmp_path / "curves.csv", lambda k: int(k % 2 == 0))
    some = marked(curves, ["b"], 2.0)
    assert some.table[TRAINING].tolist() == [1.0, 0.0] * 5


def test_shipped_curves_have_their_rows_under_their_names():
    curves = curves_of("")
    assert len(curves.rows) == 254
    for name, rows in list(curves.rows.items())[::50]:
        columns = (curves.table[c][rows].tolist() for c in curves.curve)
        assert {" / ".join(pair) for pair in zip(*columns, strict=True)} == {name}


def test_a_table_without_sizes_is_refused(tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("a,b\n1,2\n")
    says = "`curves_file` must name a column of sizes.*there is a, b"
    with pytest.raises(ValueError, match=says):
        curves_of(str(path))
