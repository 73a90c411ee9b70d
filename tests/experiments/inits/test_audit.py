import csv
import io

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
    assert (low.participation, low.entropy, low.stable) == pytest.approx((1, 1, 1), rel=1e-3)


def test_the_table_holds_every_row(file):
    result = audit.run(audit.Params(weights_file=file))
    read = list(csv.reader(io.StringIO(audit.text(result))))
    assert len(read) == 6
    assert float(read[1][4]) == result.rows[0].fan_in_variance
    assert audit.table(result).count("<tr>") == 6


def test_default_run_has_its_verdicts():
    params = audit.Params()
    result = audit.run(params)
    made = audit.claims(params, result)
    assert [c.verdict for c in made][3] == "not reproduced"
    assert len(made) == 4
    assert "matrices" in audit.told(result)
    assert audit.summary(params, result)["matrices"] == len(result.rows)


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
