"""What the default run does not reach: verdicts on tables of few, exact or many rows."""

import numpy as np
import pytest
from planted import planted

from workbench.experiment.claims import decide, summary
from workbench.experiments.scaling import fit
from workbench.experiments.scaling.fit import Params
from workbench.scaling.laws.catalogue import NAMED

SIZES, FEW = np.geomspace(1e6, 1e9, 24), np.geomspace(1e6, 1e9, 8)


def falling(size, noise=0.01, floor=1.5):
    scatter = np.exp(noise * np.random.default_rng(0).standard_normal(len(size)))
    return (floor + 90 * size**-0.3) * scatter


def given(folder, size, losses, **knobs):
    path = folder / "runs.csv"
    np.savetxt(
        path, np.stack([size, losses], axis=1), "%.17g", ",", header="size,loss", comments=""
    )
    return Params(table_file=str(path), resamples=100, **knobs)


@pytest.mark.parametrize(
    ("size", "losses"), [(SIZES, falling(SIZES)), (FEW, falling(FEW))], ids=["many", "few"]
)
def test_verdicts_rest_on_the_interval_of_the_table_of_estimates(tmp_path, size, losses):
    params = given(tmp_path, size, losses)
    result = fit.run(params)
    estimates = result["errors"].estimates
    falls, lies, _ = decide(fit, params, result)
    assert estimates.method.startswith("percentiles" if len(size) >= 20 else "profile, Student's")
    assert falls.interval == lies.interval == estimates.intervals["alpha"]
    assert estimates.method in falls.note
    assert summary(result)["alpha, 95 % from"] == falls.interval[0]
    assert result["checklist"]["errors"]["intervals by"] == estimates.method


def test_a_constant_that_vanished_is_named_in_the_verdict(tmp_path):
    size = np.geomspace(1e6, 1e9, 12)
    params = given(tmp_path, size, falling(size, 0.02, 0.0), loss="squared")
    note = decide(fit, params, fit.run(params))[2].note
    assert note.endswith("E is on its bound 0: the data show no constant")


@pytest.mark.parametrize(
    ("size", "losses", "is_open"),
    [
        (SIZES, np.full(24, 2.0), False),
        (np.tile(SIZES[[0, -1]], 12), falling(np.tile(SIZES[[0, -1]], 12)), True),
        (FEW[[0, 3, 7]], falling(FEW[[0, 3, 7]]), True),
    ],
    ids=["constant", "two sizes", "three rows"],
)
def test_what_is_not_determined_decides_nothing(tmp_path, size, losses, is_open):
    params = given(tmp_path, size, losses)
    result = fit.run(params)
    falls, lies, floor = decide(fit, params, result)
    assert {falls.verdict, lies.verdict} == {"undecided"}
    assert "alpha of power_constant is " in falls.note
    assert floor.verdict != "reproduced"
    assert np.isinf(result["errors"].estimates.intervals["alpha"][1])
    assert (result["picture"].band is None) == is_open
    assert summary(result)["rows"] == len(size)


def test_a_law_of_two_variables_has_its_verdicts(tmp_path):
    table = planted(NAMED["chinchilla"], rows=40, noise=0.01)[0]
    path = tmp_path / "runs.csv"
    rows = np.stack(list(table.values()), axis=1)
    np.savetxt(path, rows, "%.17g", ",", header=",".join(table), comments="")
    params = Params(table_file=str(path), law="chinchilla", resamples=100)
    result = fit.run(params)
    assert [c.verdict for c in decide(fit, params, result)][::2] == ["reproduced"] * 2
    assert set(result["predictions"].ratios) == set(result["comparison"].extrapolations)
    assert result["checklist"]["rival laws"]["held out by"] == "parameters"
