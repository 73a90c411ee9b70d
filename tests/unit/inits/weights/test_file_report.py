import csv
import io
from pathlib import Path

import numpy as np
import pytest

from workbench.base.array import generator
from workbench.inits.schemes.variance_scaling import he, lecun
from workbench.inits.weights import file_report as reports
from workbench.inits.weights.file_report import (
    as_csv,
    beside_theory,
    drawn_matrix,
    file_report,
    fitted_tails,
    layers,
    table,
)
from workbench.inits.weights.sources import loaded


@pytest.fixture
def save(tmp_path):
    """A path with arrays written to it."""

    def write(**arrays):
        np.savez(tmp_path / "weights.npz", **arrays)
        return str(tmp_path / "weights.npz")

    return write


@pytest.fixture
def file(save):
    rng = np.random.default_rng(1)
    parts = {
        "fresh": he(rng, (300, 200)),
        "embeddings": he(rng, (500, 30)),
        "convolution": 3 * he(rng, (60, 5, 3, 3)),
        "low rank": np.outer(rng.standard_normal(80), rng.standard_normal(90)),
        "bias": np.zeros(200),
        "steps": np.arange(6).reshape(2, 3),
    }
    return save(**parts)


def report(path, *how):
    return file_report(loaded(path, *how))


def test_every_matrix_is_measured(file):
    found = report(file)
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["fresh", "embeddings", "convolution", "low rank"]
    assert rows["fresh"].flag == "initial distribution: He normal"
    assert rows["embeddings"].flags[-1] == "lookup"
    assert rows["low rank"].flags[0] == "rank one"
    fresh, low = rows["fresh"], rows["low rank"]
    assert fresh.fan_in_variance == pytest.approx(2, rel=5 * np.sqrt(2 / 60000))
    assert (rows["convolution"].outputs, rows["convolution"].inputs) == (60, 45)
    assert (fresh.beyond <= 1, low.beyond) == (True, 1)
    assert (low.participation, low.entropy, low.stable) == pytest.approx((1, 1, 1), rel=1e-3)
    assert found.weights == 300 * 200 + 500 * 30 + 60 * 45 + 80 * 90
    assert (found.source, found.vectors) == ("weights.npz", 1)
    assert found.unread == ["1 array was not read, numbers of int64: steps"]
    assert np.abs(found.spectra[0].trained - found.spectra[0].random).max() < (
        0.05 * found.spectra[0].random[0]
    )
    assert found.spectra[3].trained[0] > 3 * found.spectra[3].random[0]


def test_a_file_without_a_matrix_is_refused(save):
    path = save(bias=np.zeros(3), steps=np.ones((2, 2), np.int8))
    words = (
        "`weights_file` must be one with a matrix; got 'weights.npz' with 1 vectors and scalars; 1 "
        "array was not read, numbers of int8 without a scale: steps"
    )
    with pytest.raises(ValueError, match=words):
        report(path)


def test_a_signal_passes_what_is_measured_and_no_table_unless_there_is_nothing_else(save):
    rng = np.random.default_rng(5)
    parts = {"fc": he(rng, (30, 20)), "embeddings": he(rng, (500, 30)), "zero": np.zeros((3, 4))}
    rows = report(save(**parts)).rows
    assert [row.name for row in layers(rows)] == ["fc"]
    assert [row.name for row in layers(rows[1:])] == ["embeddings"]
    assert layers(rows[2:]) == []
    assert rows[2].excess == 0
    assert rows[0].excess == pytest.approx(1, abs=0.3)


def test_rows_have_the_targets_of_their_activations(save):
    rng = np.random.default_rng(3)
    path = save(fc1=he(rng, (60, 80)), fc2=0.1 * lecun(rng, (60, 60)), fc3=3 * he(rng, (90, 60)))
    whole = report(path)
    tails = [None, *fitted_tails(generator(0), loaded(path), 1000)[1:]]
    rows = beside_theory(whole.rows, tails, [("*1", "relu"), ("fc2", "linear")], "gelu")
    assert [r.activation for r in rows] == ["relu", "linear", "gelu"]
    assert [r.target for r in rows] == pytest.approx([2, 1, 2.351715614073])
    assert [r.factor for r in rows] == [r.fan_in_variance / r.target for r in rows]
    assert [r.flags[-1] for r in rows][1:] == ["vanishes", "explodes"]
    assert np.isnan(rows[0].tail)
    assert (rows[2].tail, rows[2].tail_error) == (tails[2].shape, tails[2].error)


def test_the_matrix_furthest_from_random_is_drawn_unless_a_place_is_given(save):
    rng = np.random.default_rng(1)
    low = np.outer(rng.standard_normal(80), rng.standard_normal(90))
    whole = report(save(fresh=he(rng, (300, 200)), low=low, zero=np.zeros((3, 4))))
    shown = [drawn_matrix(whole.rows, whole.spectra, place) for place in range(4)]
    assert [s.place for s in shown] == [2, 1, 2, 3]
    assert shown[1].title == "1. fresh: 300 × 200 (initial distribution: He normal)"
    assert shown[3].title == "3. zero: 3 × 4 (zero)"
    assert shown[1].spectrum is whole.spectra[0]
    assert np.isnan(shown[3].spectrum.trained).all()
    with pytest.raises(ValueError, match=r"`matrix` must be in \[0, matrices=3\]; got 4"):
        drawn_matrix(whole.rows, whole.spectra, 4)


def test_tails_stand_beside_the_rows(file):
    tails = fitted_tails(generator(0), loaded(file), 5000)
    assert len(tails) == 4
    assert abs(tails[0].shape - 2) < 5 * tails[0].error
    # A product of two normal numbers has a heavier tail.
    assert tails[3].shape + 5 * tails[3].error < 1.5
    fewer = fitted_tails(generator(0), loaded(file), 1000)
    assert fewer[0].error > 1.8 * tails[0].error


def test_one_bad_element_ends_no_survey(save):
    rng = np.random.default_rng(1)
    spoiled = rng.standard_normal((30, 20))
    spoiled[3, 4], spoiled[5, 6] = np.nan, np.inf
    parts = {"a.weight": rng.standard_normal((30, 20)), "nan.weight": spoiled}
    parts |= {"lora_B.weight": np.zeros((30, 4)), "none.weight": np.zeros((0, 4))}
    parts |= {"tiny.weight": np.ones((1, 2)) * [1, 2], "one.weight": np.ones((4, 4))}
    path = save(**parts)
    flags = ["", "2 of 600 not finite", "zero", "empty", "too small to fit", "constant"]
    assert [row.flag for row in report(path).rows] == flags
    tails = fitted_tails(generator(0), loaded(path), 1000)
    assert [tail is None for tail in tails] == [False] + [True] * 5


def test_a_damaged_array_is_a_row_and_names_itself(save):
    rng = np.random.default_rng(1)
    path = save(bad=rng.standard_normal((40, 50)), good=rng.standard_normal((40, 50)))
    whole = bytearray(Path(path).read_bytes())
    whole[2000] ^= 0xFF
    Path(path).write_bytes(whole)
    bad, good = report(path).rows
    assert bad.flag.startswith("unreadable: ")
    assert "bad: Bad CRC-32" in bad.flag
    assert good.is_measured
    tails = fitted_tails(generator(0), loaded(path), 1000)
    assert [tail is None for tail in tails] == [True, False]


def test_kernels_of_keras_are_read_by_their_own_fans(save):
    """Drawn for relu by He's rule, as Keras lays them out, each keeps the variance."""
    rng, parts = np.random.default_rng(2), {}
    for name, shape in (("conv1", (3, 3, 8, 32)), ("dense1", (1600, 64)), ("dense2", (64, 10))):
        parts[f"{name}/kernel"] = rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        parts[f"{name}/bias"] = np.zeros(shape[-1])
    path = save(**parts)
    found = report(path)
    assert [row.inputs for row in found.rows] == [72, 1600, 64]
    for row in found.rows:
        error = 5 * np.sqrt(2 / (row.inputs * row.outputs))
        assert row.fan_in_variance == pytest.approx(2, rel=error)
    assert found.layout == "keras, guessed by names such as conv1/kernel"
    assert found.vectors == 3
    turned = report(path, "torch")
    assert turned.rows[1].inputs == 64
    assert turned.layout == "torch"


def test_recurrent_layers_are_shown_gate_by_gate(tmp_path):
    torch = pytest.importorskip("torch")
    layer = torch.nn.LSTM(20, 40)
    torch.save({"lstm": layer.state_dict()}, tmp_path / "w.pt")
    rows = report(str(tmp_path / "w.pt")).rows
    assert [r.name for r in rows][:2] == ["weight_ih_l0 [input]", "weight_ih_l0 [forget]"]
    assert [(r.outputs, r.inputs) for r in rows] == [(40, 20)] * 4 + [(40, 40)] * 4
    weights = layer.weight_ih_l0.detach().numpy()
    assert rows[1].deviation == pytest.approx(weights[40:80].std(), rel=1e-6)
    assert all(r.flags[0] == "initial distribution: torch's recurrent layers" for r in rows)
    tails = fitted_tails(generator(0), loaded(str(tmp_path / "w.pt")), 1000)
    # Uniform gates are at the far end of the shapes or have none of their own.
    assert len(tails) == 8
    assert min(tail.shape for tail in tails) > 3


def test_gates_of_keras_were_drawn_together(save):
    rng = np.random.default_rng(4)
    across, _ = np.linalg.qr(rng.standard_normal((96, 24)))
    wide = np.sqrt(6 / (24 + 96))
    parts = {"lstm/kernel": rng.uniform(-wide, wide, (24, 96)), "lstm/recurrent_kernel": across.T}
    rows = report(save(**parts)).rows
    assert [r.name for r in rows][2:6:3] == ["lstm/kernel [cell]", "lstm/recurrent_kernel [forget]"]
    laws = ["initial distribution: Glorot uniform", "initial distribution: orthogonal"]
    assert [r.flags[0] for r in rows] == [law for law in laws for _ in range(4)]


def test_what_is_looked_up_is_by_name_or_as_one_says(file):
    flags = {
        lookup: [r.name for r in report(file, "auto", lookup).rows if "lookup" in r.flags]
        for lookup in ("auto", "none", "fre*,low*")
    }
    assert flags == {"auto": ["embeddings"], "none": [], "fre*,low*": ["fresh", "low rank"]}


def test_the_table_has_every_row_and_a_name_is_no_formula(save):
    parts = {"=1+1": np.random.default_rng(0).standard_normal((30, 20)), "b": np.ones((3, 4))}
    rows = report(save(**parts)).rows
    read = list(csv.reader(io.StringIO(as_csv(rows))))
    assert [cells[0] for cells in read] == ["name", "'=1+1", "b"]
    assert float(read[1][4]) == rows[0].fan_in_variance
    assert [cells[-1] for cells in read[1:]] == [row.flag for row in rows]
    shown = table(rows)._repr_mimebundle_()["text/html"]
    assert shown.count("<tr>") == 3
    assert f'data-value="{rows[0].fan_in_variance}"' in shown


def test_the_bar_goes_to_the_end(file, monkeypatch):
    seen, bar = [], reports.tqdm

    def spied(*args, **options):
        seen.append(bar(*args, **{**options, "disable": False, "file": io.StringIO()}))
        return seen[-1]

    monkeypatch.setattr(reports, "tqdm", spied)
    report(file)
    assert 0.9 < seen[0].n / seen[0].total < 1.1
