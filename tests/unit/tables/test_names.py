import re

import numpy as np
import pytest

from workbench.tables.names import proposed
from workbench.tables.table import read_table

SOME = np.array([1.0, 2.0])
SAME = np.array([2.0, 2.0])
TEXT = np.array(["a", "b"], dtype=object)


@pytest.mark.parametrize(
    ("meaning", "names", "found"),
    [
        ("parameters", ["seed", "params", "loss"], "params"),
        ("parameters", ["n", "N"], "N"),
        ("parameters", ["Model Size (B)"], "Model Size (B)"),
        ("parameters", ["lr", "num_params", "tokens"], "num_params"),
        ("parameters", ["count_of_params", "loss"], "count_of_params"),
        ("tokens", ["N", "D", "loss"], "D"),
        ("tokens", ["train/tokens_seen", "N"], "train/tokens_seen"),
        ("tokens", ["tokens_per_step", "tokens"], "tokens"),
        ("compute", ["Training FLOP"], "Training FLOP"),
        ("compute", ["N", "C"], "C"),
        ("size", ["Seen Examples"], "Seen Examples"),
        ("size", ["step", "loss"], "step"),
        ("size", ["tokens", "params"], "params"),
        ("loss", ["train_loss", "val_loss"], "val_loss"),
        ("loss", ["val/bpb", "train_loss"], "val/bpb"),
        ("loss", ["loss_std", "loss_openlm"], "loss_openlm"),
        ("loss", ["N", "L"], "L"),
    ],
)
def test_names_that_people_give(meaning, names, found):
    assert proposed(dict.fromkeys(names, SOME), meaning, "x") == found


def test_a_column_that_varies_goes_before_one_that_does_not():
    assert proposed({"N": SAME, "tokens": SOME}, "size", "x") == "tokens"
    assert proposed({"N": SAME, "loss": SOME}, "size", "x", taken=["loss"]) == "N"


def test_texts_are_no_sizes_but_a_misspelt_number_is():
    assert proposed({"params": TEXT, "n_params": SOME}, "size", "x") == "n_params"
    wrong = np.array(["1", "2", "3x"], dtype=object)
    assert proposed({"params": wrong}, "size", "x") == "params"


def test_a_table_without_one_is_refused_with_its_columns():
    with pytest.raises(ValueError, match="`loss_column` must name the column of losses.* a, b$"):
        proposed({"a": SOME, "b": SOME}, "loss", "loss_column")


@pytest.mark.parametrize("cell", ["1.00M", "10k", "3%", "$5", "1.5 B"])
def test_a_column_of_that_name_without_numbers_is_refused_by_its_cell(tmp_path, cell):
    path = tmp_path / "runs.csv"
    path.write_text(f"params,loss\n{cell},3\n{cell},2\n")
    said = (
        rf"^`params` must be a number on every row; got '{re.escape(cell)}' on line 2 of runs.csv$"
    )
    with pytest.raises(ValueError, match=said):
        proposed(read_table(str(path)), "size", "size_column")
