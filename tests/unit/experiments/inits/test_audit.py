import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest

from workbench.experiments.inits import _measured_matrices, audit
from workbench.inits.schemes.variance_scaling import he, lecun


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(1)
    parts = {
        "kept": he(rng, (300, 200)),
        "small": 0.1 * lecun(rng, (100, 400)),
        "large": 3 * he(rng, (60, 5, 3, 3)),
        "embeddings": he(rng, (500, 30)),
        "low rank": np.outer(rng.standard_normal(80), rng.standard_normal(90)),
        "bias": np.zeros(200),
        "steps": np.arange(6).reshape(2, 3),
    }
    path = tmp_path / "weights.npz"
    np.savez(path, **parts)
    return str(path)


def test_every_matrix_is_measured(file):
    params = audit.Params(weights_file=file, activation="relu")
    result = audit.run(params)
    rows = {r.name: r for r in result.rows}
    assert list(rows) == ["kept", "small", "large", "embeddings", "low rank"]
    fresh = "initial distribution: He normal"
    assert rows["kept"].flag == fresh
    assert [r.flags[-1] for r in result.rows][1:4] == ["vanishes", "explodes", "lookup"]
    assert rows["low rank"].flags[0] == "rank one"
    assert rows["kept"].fan_in_variance == pytest.approx(2, rel=5 * np.sqrt(2 / 60000))
    assert rows["kept"].wanted == pytest.approx(2)
    assert abs(rows["kept"].tail - 2) < 5 * rows["kept"].tail_error
    assert (rows["large"].outputs, rows["large"].inputs) == (60, 45)
    low = rows["low rank"]
    assert low.beyond == 1
    assert rows["kept"].beyond <= 1
    assert (low.participation, low.entropy, low.stable) == pytest.approx((1, 1, 1), rel=1e-3)


def test_the_table_holds_every_row(file):
    result = audit.run(audit.Params(weights_file=file))
    read = list(csv.reader(io.StringIO(audit.text(result))))
    assert len(read) == 6
    assert float(read[1][4]) == result.rows[0].fan_in_variance
    shown = audit.table(result)._repr_mimebundle_()["text/html"]
    assert shown.count("<tr>") == 6
    assert f'data-value="{result.rows[0].fan_in_variance}"' in shown


def test_a_name_in_a_file_is_no_formula(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, **{"=1+1": np.random.default_rng(0).standard_normal((30, 20))})
    result = audit.run(audit.Params(weights_file=str(path)))
    read = list(csv.reader(io.StringIO(audit.text(result))))
    assert read[1][0] == "'=1+1"
    assert float(read[1][4]) == result.rows[0].fan_in_variance


def test_default_run_has_its_verdicts():
    params = audit.Params()
    result = audit.run(params)
    made = audit.claims(params, result)
    assert [c.verdict for c in made][3] == "not reproduced"
    assert len(made) == 4
    assert f"{result.chosen.beyond} of" in audit.told(result)
    assert "trained matrices" in audit.told_of_all(result)
    assert audit.summary(params, result)["matrices"] == len(result.rows)


def test_the_chosen_matrix_is_drawn_beside_a_random_one(file):
    drawn = [audit.run(audit.Params(weights_file=file, matrix=m)) for m in (1, 5)]
    assert [r.chosen.name for r in drawn] == ["kept", "low rank"]
    kept, low = (r.spectrum for r in drawn)
    assert np.abs(kept.trained - kept.random).max() < 0.05 * kept.random[0]
    assert low.trained[0] > 3 * low.random[0]
    assert np.isnan(low.trained[1:]).all()
    furthest = audit.Params(weights_file=file)
    assert audit.settled(furthest, audit.run(furthest)).matrix == 5
    with pytest.raises(ValueError, match=r"`matrix` must be in \[0, matrices=5\]; got 6"):
        audit.run(audit.Params(weights_file=file, matrix=6))


def test_a_file_that_changed_is_read_again(file):
    params = audit.Params(weights_file=file)
    before = audit.run(params)
    assert audit.run(params).rows[0] == before.rows[0]
    np.savez(file, other=np.random.default_rng(2).standard_normal((30, 20)))
    os.utime(file, ns=(1, 1))
    assert [r.name for r in audit.run(params).rows] == ["other"]


def test_the_bar_goes_to_the_end(file, monkeypatch):
    seen = []
    bar = _measured_matrices.tqdm

    def spied(*args, **options):
        seen.append(bar(*args, **{**options, "disable": False, "file": io.StringIO()}))
        return seen[-1]

    monkeypatch.setattr(_measured_matrices, "tqdm", spied)
    audit.run(audit.Params(weights_file=file, seed=9))
    assert 0.9 < seen[0].n / seen[0].total < 1.1


def test_wrong_weights_are_caught(file):
    params = audit.Params(weights_file=file, activation="relu")
    result = audit.run(params)
    rows = [r for r in result.rows if r.name == "kept"]
    good = audit.claims(params, result._replace(rows=rows))[2]
    wrong = rows[0]._replace(fan_in_variance=1.5**2 * rows[0].fan_in_variance)
    bad = audit.claims(params, result._replace(rows=[wrong]))[2]
    assert (good.verdict, bad.verdict) == ("reproduced", "not reproduced")


def test_files_that_hold_no_matrix_are_refused(tmp_path):
    path = tmp_path / "none.npz"
    np.savez(path, bias=np.zeros(3), steps=np.ones((2, 2), np.int8))
    words = (
        "`weights_file` must be one with a matrix; got 'none.npz' with 1 vectors and scalars; 1 "
        "array was not read, numbers of int8 without a scale: steps"
    )
    with pytest.raises(ValueError, match=words):
        audit.run(audit.Params(weights_file=str(path)))


def test_a_first_look_draws_what_the_run_draws(file):
    for knobs in ({}, {"matrix": 2}, {"activation": "relu", "sample": 1000}, {"seed": 3}):
        params = audit.Params(weights_file=file, **knobs)
        look, full = audit.first_look(params), audit.run(params)
        assert look.measured._replace(rows=[], spectra=[]) == full.measured._replace(
            rows=[], spectra=[]
        )
        assert look.place == full.place
        assert audit.told(look) == audit.told(full)
        for one, other in zip(look.spectrum, full.spectrum, strict=True):
            np.testing.assert_array_equal(one, other)
        for few, row in zip(look.rows, full.rows, strict=True):
            blank = {"tail": 0.0, "tail_error": 0.0}
            np.testing.assert_equal(few._replace(**blank), row._replace(**blank))
    other = audit.first_look(audit.Params(weights_file=file, matrix=3))
    assert not np.array_equal(other.spectrum.trained[:20], look.spectrum.trained[:20])


def test_a_known_file_is_neither_read_nor_fitted_nor_decomposed_for_a_look(file, monkeypatch):
    audit.run(audit.Params(weights_file=file))
    for name in ("weights", "fitted_tail", "spectrum"):
        monkeypatch.setattr(_measured_matrices, name, None)
    look = audit.first_look(audit.Params(weights_file=file, sample=2000))
    # No tail is told that another sample was fitted to.
    assert all(np.isnan(row.tail) and np.isnan(row.tail_error) for row in look.rows)
    with pytest.raises(TypeError):
        audit.run(audit.Params(weights_file=file, sample=2000))


def test_another_sample_is_fitted_and_nothing_decomposed(file, monkeypatch):
    before = audit.run(audit.Params(weights_file=file, sample=5000))
    monkeypatch.setattr(_measured_matrices, "spectrum", None)
    after = audit.run(audit.Params(weights_file=file, sample=2000))
    assert after.rows[0].tail_error > 1.3 * before.rows[0].tail_error
    gap = abs(after.rows[0].tail - before.rows[0].tail)
    assert 0 < gap < 5 * np.hypot(after.rows[0].tail_error, before.rows[0].tail_error)


def test_a_look_follows_files_that_change_and_return(file, tmp_path):
    other = str(tmp_path / "other.npz")
    np.savez(other, one=np.random.default_rng(3).standard_normal((30, 20)))
    names = {file: 5, other: 1}
    for path in (file, other, file, other):
        assert len(audit.first_look(audit.Params(weights_file=path)).rows) == names[path]
    np.savez(other, **dict.fromkeys("ab", np.random.default_rng(2).standard_normal((30, 20))))
    os.utime(other, ns=(1, 1))
    assert len(audit.first_look(audit.Params(weights_file=other)).rows) == 2


def test_a_first_look_refuses_what_the_run_refuses(file, tmp_path):
    none = tmp_path / "none.npz"
    np.savez(none, bias=np.zeros(3))
    for work in (audit.first_look, audit.run):
        for path, matrix, words in (
            (file, 6, r"`matrix` must be in \[0, matrices=5\]; got 6"),
            (none, 0, "`weights_file` must be one with a matrix"),
        ):
            with pytest.raises(ValueError, match=words):
                work(audit.Params(weights_file=str(path), matrix=matrix))


def saved(folder, **parts):
    np.savez(folder / "weights.npz", **parts)
    return str(folder / "weights.npz")


def test_one_bad_element_ends_no_survey(tmp_path):
    rng = np.random.default_rng(1)
    spoiled = rng.standard_normal((30, 20))
    spoiled[3, 4], spoiled[5, 6] = np.nan, np.inf
    parts = {"a.weight": rng.standard_normal((30, 20)), "nan.weight": spoiled}
    parts |= {"lora_B.weight": np.zeros((30, 4)), "none.weight": np.zeros((0, 4))}
    parts |= {"tiny.weight": np.ones((1, 2)) * [1, 2], "one.weight": np.ones((4, 4))}
    params = audit.Params(weights_file=saved(tmp_path, **parts))
    result = audit.run(params)
    flags = {r.name: r.flag for r in result.rows}
    assert flags == {
        "a.weight": "explodes",
        "nan.weight": "2 of 600 not finite",
        "lora_B.weight": "zero",
        "none.weight": "empty",
        "tiny.weight": "too small to fit",
        "one.weight": "constant",
    }
    assert (result.chosen.name, audit.summary(params, result)["without numbers"]) == ("a.weight", 5)
    assert audit.layers(result) == result.rows[:1]
    assert np.isfinite([c.measured for c in audit.claims(params, result)]).all()
    for place in range(2, 7):
        chosen = audit.run(audit.Params(weights_file=params.weights_file, matrix=place))
        assert audit.told(chosen).startswith("No singular values of ")
        assert chosen.chosen.flag in audit.title(chosen)
    read = list(csv.reader(io.StringIO(audit.text(result))))
    assert [row[-1] for row in read[1:]] == list(flags.values())


def test_a_file_of_nothing_but_zeros_has_its_page(tmp_path):
    params = audit.Params(weights_file=saved(tmp_path, zero=np.zeros((30, 20))))
    result = audit.run(params)
    assert {c.verdict for c in audit.claims(params, result)} == {"outside this run's range"}
    assert "median tail shape" not in audit.summary(params, result)
    assert audit.told_of_all(result) == "No matrix has a fan-in variance to draw."
    assert audit.wanted(result) == {}


def test_a_damaged_array_is_a_row_and_names_itself(tmp_path):
    rng = np.random.default_rng(1)
    path = saved(tmp_path, bad=rng.standard_normal((40, 50)), good=rng.standard_normal((40, 50)))
    whole = bytearray(Path(path).read_bytes())
    whole[2000] ^= 0xFF
    Path(path).write_bytes(whole)
    bad, good = audit.run(audit.Params(weights_file=path)).rows
    assert bad.flag.startswith("unreadable: ")
    assert "bad: Bad CRC-32" in bad.flag
    assert good.is_measured


def test_kernels_of_keras_are_read_by_their_own_fans(tmp_path):
    """Drawn for relu by He's rule, as Keras lays them out, each keeps the variance."""
    rng = np.random.default_rng(2)
    parts = {}
    for name, shape in (("conv1", (3, 3, 8, 32)), ("dense1", (1600, 64)), ("dense2", (64, 10))):
        fan_in = np.prod(shape[:-1])
        parts[f"{name}/kernel"] = rng.normal(0, np.sqrt(2 / fan_in), shape)
        parts[f"{name}/bias"] = np.zeros(shape[-1])
    path = saved(tmp_path, **parts)
    params = audit.Params(weights_file=path, activation="relu")
    result = audit.run(params)
    assert [r.inputs for r in result.rows] == [72, 1600, 64]
    for row in result.rows:
        assert row.factor == pytest.approx(1, rel=5 * np.sqrt(2 / (row.inputs * row.outputs)))
    said = audit.summary(params, result)
    assert said["layout"] == "keras, guessed by names such as conv1/kernel"
    assert said["vectors and scalars"] == 3
    turned = audit.run(audit.Params(weights_file=path, activation="relu", layout="torch"))
    assert "vanishes" in turned.rows[1].flags[-1] or "explodes" in turned.rows[1].flags[-1]
    assert turned.measured.layout == "torch"


def test_activations_by_name(tmp_path):
    rng = np.random.default_rng(3)
    path = saved(tmp_path, fc1=he(rng, (60, 80)), fc2=lecun(rng, (60, 60)), fc3=he(rng, (9, 60)))
    table = tmp_path / "activations.csv"
    table.write_text("pattern,activation\n*1,relu\nfc2, linear\n")
    known = {"weights_file": path, "activations_file": str(table)}
    result = audit.run(audit.Params(**known))
    assert [r.activation for r in result.rows] == ["relu", "linear", "gelu"]
    assert [r.wanted for r in result.rows] == pytest.approx([2, 1, 2.351715614073])
    assert set(audit.wanted(result)) == {"relu", "linear", "gelu"}
    for text, says in (
        ("*1,relu\nfc2,swich", "known activations in line 2"),
        ("*1,relu,3", "a pattern and an activation in line 1"),
        ("relu", "a pattern and an activation in line 1"),
    ):
        table.write_text(text)
        with pytest.raises(ValueError, match=says):
            audit.run(audit.Params(**known))


def test_recurrent_layers_are_shown_gate_by_gate(tmp_path):
    torch = pytest.importorskip("torch")
    layer = torch.nn.LSTM(20, 40)
    torch.save({"lstm": layer.state_dict()}, tmp_path / "w.pt")
    rows = audit.run(audit.Params(weights_file=str(tmp_path / "w.pt"))).rows
    assert [r.name for r in rows][:2] == ["weight_ih_l0 [input]", "weight_ih_l0 [forget]"]
    assert [(r.outputs, r.inputs) for r in rows] == [(40, 20)] * 4 + [(40, 40)] * 4
    weights = layer.weight_ih_l0.detach().numpy()
    assert rows[1].deviation == pytest.approx(weights[40:80].std(), rel=1e-6)
    assert all(r.flags[0] == "initial distribution: torch's recurrent layers" for r in rows)


def test_the_knob_says_what_is_looked_up(file):
    flags = {}
    for lookup in ("auto", "none", "small,ke*"):
        result = audit.run(audit.Params(weights_file=file, lookup=lookup))
        flags[lookup] = [r.name for r in result.rows if "lookup" in r.flags]
    assert flags == {"auto": ["embeddings"], "none": [], "small,ke*": ["kept", "small"]}


def test_gates_of_keras_were_drawn_together(tmp_path):
    rng = np.random.default_rng(4)
    across, _ = np.linalg.qr(rng.standard_normal((96, 24)))
    wide = np.sqrt(6 / (24 + 96))
    parts = {"lstm/kernel": rng.uniform(-wide, wide, (24, 96)), "lstm/recurrent_kernel": across.T}
    rows = audit.run(audit.Params(weights_file=saved(tmp_path, **parts))).rows
    assert [r.name for r in rows][2:6:3] == ["lstm/kernel [cell]", "lstm/recurrent_kernel [forget]"]
    laws = ["initial distribution: Glorot uniform", "initial distribution: orthogonal"]
    assert [r.flags[0] for r in rows] == [law for law in laws for _ in range(4)]
