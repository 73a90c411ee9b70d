"""Which rows and columns of a table a fit reads."""

import pytest

from workbench.scaling.datasets.run_tables import by_meaning, runs_of

SIZE = {"size": "", "loss": ""}


@pytest.fixture
def table(tmp_path):
    def write(content, name="runs.csv"):
        path = tmp_path / name
        path.write_text(content)
        return str(path)

    return write


TEXTS = "run,dataset,N,loss\nr0,pile,1,4\nr1,c4,2,3\nr2,pile,4,2\nr3,c4,8,1\n"


@pytest.mark.parametrize(
    ("only", "lines"),
    [
        ("", [2, 3, 4, 5]),
        ("dataset == 'pile'", [2, 4]),
        ("dataset != 'pile' and N > 2", [5]),
        ("loss < 3", [4, 5]),
        ("r1 / c4", [3]),
    ],
)
def test_rows_are_chosen_by_any_column(table, only, lines):
    runs = runs_of(table(TEXTS), only, SIZE)
    assert runs.table.lines.tolist() == lines
    assert runs.columns == ("N", "loss")
    assert runs.left_out == 4 - len(lines)


@pytest.mark.parametrize(
    ("only", "says"),
    [
        ("dataset == 'pil'", r"some of the 4 rows of runs.csv fulfil \(dataset is pile, c4\)"),
        ("datset == 'pile'", "`datset` must be a column of the table; did you mean `dataset`"),
        ("r1 / c5", "did you mean `r1 / c4`"),
        ("N >", "`only` must be a condition"),
    ],
)
def test_a_condition_that_chooses_nothing_is_refused(table, only, says):
    with pytest.raises(ValueError, match=says):
        runs_of(table(TEXTS), only, SIZE)


def test_a_condition_on_names_that_sql_confuses_is_refused(table):
    path = table("N,n,loss\n1,8,3\n2,4,2\n")
    assert runs_of(path, "loss < 9", SIZE).columns == ("N", "loss")
    with pytest.raises(ValueError, match="differ by more than capitals; got 'n > 5, with N'"):
        runs_of(path, "n > 5", SIZE)


def test_a_condition_can_leave_out_the_row_with_a_wrong_cell(table):
    path = table("ok,N,loss\nyes,1,3\nno,2,oops\nyes,4,2\n")
    with pytest.raises(ValueError, match="`loss` must be a number .*got 'oops' on line 3 of"):
        runs_of(path, "", SIZE)
    assert runs_of(path, "ok = 'yes'", SIZE).table["loss"].tolist() == [3, 2]


def test_a_guess_is_reported_and_a_name_is_not(table):
    said = runs_of(table(TEXTS), "", SIZE).notes
    assert said == (
        "size_column is taken to be `N`, by its name",
        "loss_column is taken to be `loss`, by its name",
    )
    assert runs_of(table(TEXTS), "", {"size": "N", "loss": "loss"}).notes == ()
    with pytest.raises(
        ValueError, match="`NN` must be a column .*did you mean `N`, of run, dataset"
    ):
        runs_of(table(TEXTS), "", {"size": "NN", "loss": ""})


REPEATED = "N,D,lr,loss\n1,1,1,5\n1,1,2,4\n1,1,3,3\n1,2,1,2.5\n2,1,1,2\n2,1,2,1\n"
PAIRS = {"parameters": "", "tokens": "", "loss": ""}


@pytest.mark.parametrize(
    ("how", "losses", "lr"),
    [
        ("all", [5, 4, 3, 2.5, 2, 1], [1, 2, 3, 1, 1, 2]),
        ("best", [3, 2.5, 1], [3, 1, 2]),
        ("mean", [4, 2.5, 1.5], [3, 1, 2]),
    ],
)
def test_runs_of_one_setting_are_recognised(table, how, losses, lr):
    runs = runs_of(table(REPEATED), "", PAIRS, repeats=how)
    assert runs.table["loss"].tolist() == losses
    assert runs.table["lr"].tolist() == lr
    assert runs.merged == 6 - len(losses)
    assert "6 rows are runs of 3 settings of N and D, up to 3 runs of one" in runs.notes[-1]
    # Rows of different settings are no repeats.
    grid = "N,D,loss\n1,1,4\n1,2,3\n2,1,3\n2,2,2\n"
    assert len(runs_of(table(grid), "", PAIRS, repeats=how).notes) == 3


def test_a_mean_takes_weights_and_needs_one_group(table):
    text = REPEATED.replace("lr", "w").replace("N,D", "N,D")
    runs = runs_of(table(text), "", PAIRS, repeats="mean", weights="w")
    assert runs.table["loss"].tolist() == pytest.approx([(5 + 8 + 9) / 6, 2.5, 4 / 3])
    assert runs.table["w"].tolist() == [6, 1, 3]
    with pytest.raises(ValueError, match="`w` must be the same on all runs of one setting"):
        runs_of(table(text), "", PAIRS, repeats="mean", beside=["w"])


def test_tokens_follow_from_compute_and_sizes(table):
    path = table("Model Size;Training FLOP;loss\n1e8;6e18;3,5\n2e8;6e19;3,1\n")
    columns = by_meaning(path, "points_file", ("parameters", "tokens", "loss"))[1]
    assert columns["tokens"].tolist() == [1e10, 5e10]
    assert columns["loss"].tolist() == [3.5, 3.1]
