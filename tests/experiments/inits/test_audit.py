import csv
import io
import os

import numpy as np
import pytest

from workbench.experiments.inits import audit
from workbench.inits.schemes import he, lecun


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
    assert [r.flag for r in result.rows][:4] == ["", "vanishes", "explodes", "lookup"]
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
    bar = audit.tqdm

    def spied(*args, **options):
        seen.append(bar(*args, **{**options, "disable": False, "file": io.StringIO()}))
        return seen[-1]

    monkeypatch.setattr(audit, "tqdm", spied)
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
    np.savez(path, bias=np.zeros(3))
    with pytest.raises(ValueError, match="`weights_file` must be one with a matrix"):
        audit.run(audit.Params(weights_file=str(path)))


def test_a_first_look_draws_what_the_run_draws(file):
    for knobs in ({}, {"matrix": 2}, {"activation": "relu", "sample": 1000}, {"seed": 3}):
        params = audit.Params(weights_file=file, **knobs)
        look, full = audit.first_look(params), audit.run(params)
        assert (look.source, look.weights, look.place) == (full.source, full.weights, full.place)
        assert audit.told(look) == audit.told(full)
        for one, other in zip(look.spectrum, full.spectrum, strict=True):
            np.testing.assert_array_equal(one, other)
        for few, row in zip(look.rows, full.rows, strict=True):
            blank = {"tail": 0.0, "tail_error": 0.0}
            assert few._replace(**blank) == row._replace(**blank)
    other = audit.first_look(audit.Params(weights_file=file, matrix=3))
    assert not np.array_equal(other.spectrum.trained[:20], look.spectrum.trained[:20])


def test_a_known_file_is_neither_read_nor_fitted_nor_decomposed_for_a_look(file, monkeypatch):
    audit.run(audit.Params(weights_file=file))
    for name in ("weights", "fitted_tail", "spectrum"):
        monkeypatch.setattr(audit, name, None)
    look = audit.first_look(audit.Params(weights_file=file, sample=2000))
    # No tail is told that another sample was fitted to.
    assert all(np.isnan(row.tail) and np.isnan(row.tail_error) for row in look.rows)
    with pytest.raises(TypeError):
        audit.run(audit.Params(weights_file=file, sample=2000))


def test_another_sample_is_fitted_and_nothing_decomposed(file, monkeypatch):
    before = audit.run(audit.Params(weights_file=file, sample=5000))
    monkeypatch.setattr(audit, "spectrum", None)
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
    zero = tmp_path / "zero.npz"
    np.savez(zero, zero=np.zeros((30, 20)))
    for work in (audit.first_look, audit.run):
        for path, matrix, words in (
            (file, 6, r"`matrix` must be in \[0, matrices=5\]; got 6"),
            (none, 0, "`weights_file` must be one with a matrix"),
            (zero, 0, "`values` must be at least 8 finite numbers that are not all zero"),
        ):
            with pytest.raises(ValueError, match=words):
                work(audit.Params(weights_file=str(path), matrix=matrix))
