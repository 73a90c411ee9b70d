import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from scaling.chinchilla_points import shared
from strategies import params

from workbench.claims import MARKS, declared
from workbench.experiments.scaling import isoflop
from workbench.experiments.scaling.isoflop import Params


def test_the_default_run_reproduces_every_claim():
    result = isoflop.run(Params())
    found = isoflop.claims(Params(), result)
    assert {c.statement for c in found} == {s.text for s in declared(isoflop)}
    assert {c.verdict for c in found} == {"reproduced"}
    assert result.here == result.published["chinchilla"]


def test_a_parabola_in_another_variable_is_caught():
    """The claim of no bias fails for a law whose exponents differ by a hundredth."""
    result = isoflop.run(Params())
    moved = isoflop.bias(isoflop.surface(0.31, 0.32), isoflop.BUDGETS, 1e24)
    wrong = result._replace(published={**result.published, "symmetric": moved})
    verdicts = [c.verdict for c in isoflop.claims(Params(), wrong)]
    assert verdicts.count("not reproduced") == 1


def test_interpolation_beats_the_parabola_on_wide_grids():
    result = isoflop.run(Params(points=61))
    assert abs(result.akima[-1]) < abs(result.parabola[-1]) / 20


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(params(Params))
def test_every_admitted_setting_ends_in_verdicts(values):
    chosen = Params(**values)
    result = isoflop.run(chosen)
    assert all(c.verdict in MARKS for c in isoflop.claims(chosen, result))
    assert isoflop.alternative(result)
    assert np.isfinite(result.here)


def test_real_tables_are_read(tmp_path):
    result = isoflop.run(Params(runs_file=str(shared("openathena_isoflops.csv"))))
    assert len(result.tables) == 8
    assert result.left_out
    told = isoflop.read(result)
    assert told["left out"] == "; ".join(result.left_out)
    for name, found in result.tables.items():
        assert told[f"{name}: exponent"] == found.exponent
    assert len(told) == 3 * 8 + 1
    for found in result.tables.values():
        assert 0.3 < found.exponent < 0.75
        assert np.isfinite(found.bias)
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(
        ValueError, match="`runs_file` must name a column of parameters.*there is a, b"
    ):
        isoflop.run(Params(runs_file=str(wrong)))
