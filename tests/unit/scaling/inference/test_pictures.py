import numpy as np
import pytest
from planted import planted

from workbench.scaling.fit.fit import fit
from workbench.scaling.inference.bootstrap import bootstrap
from workbench.scaling.inference.pictures import picture
from workbench.scaling.laws.catalogue import NAMED


def test_a_law_of_one_variable_is_drawn_to_ten_times_the_largest_size():
    table, _ = planted(NAMED["power_constant"], rows=40, noise=0.05)
    own = fit("power_constant", table, loss="squared")
    shown = picture(own, bootstrap(own, 500), ("size", "loss"), 0)
    p = own.parameters
    assert shown.line == pytest.approx(p["E"] + p["A"] * shown.grid ** -p["alpha"])
    assert shown.grid[[0, -1]] == pytest.approx([table["size"].min(), 10 * table["size"].max()])
    low, high = shown.band
    assert (low <= shown.line).all()
    assert (shown.line <= high).all()
    ends = np.interp(shown.x, shown.grid, low), np.interp(shown.x, shown.grid, high)
    assert ((ends[0] <= shown.y) & (shown.y <= ends[1])).mean() > 0.8


def test_a_law_of_two_variables_is_drawn_against_its_predictions():
    table, _ = planted(NAMED["chinchilla"], rows=40, noise=0.02)
    own = fit("chinchilla", table)
    shown = picture(own, bootstrap(own, 200), ("parameters", "tokens", "loss"), 0)
    assert shown.labels == ("predicted loss", "observed loss")
    assert shown.x == pytest.approx(own.predict(table))
    assert (np.diff(shown.grid) >= 0).all()
    assert (shown.band[0] <= shown.line).all()
