import numpy as np
import pytest
from scipy import stats

from workbench.inits.weights.model_selection import candidates

SAMPLES = {
    "gaussian": stats.norm(scale=0.02),
    "laplace": stats.laplace(scale=3.0),
    "student": stats.t(3, scale=0.1),
    "generalised gaussian": stats.gennorm(0.6, scale=0.1),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_each_family_wins_on_its_own_sample(name):
    fitted = candidates(SAMPLES[name].rvs(20_000, random_state=5))
    assert min(fitted, key=lambda family: fitted[family].information) == name


def test_densities_are_scipy_s():
    x = stats.t(4, scale=0.3).rvs(4000, random_state=1)
    found = candidates(x)
    exact = {
        "gaussian": stats.norm(scale=np.sqrt((x**2).mean())),
        "laplace": stats.laplace(scale=np.abs(x).mean()),
    }
    for name, law in exact.items():
        assert found[name].mean_log_density == pytest.approx(law.logpdf(x).mean(), rel=1e-12)
    degrees, _, scale = stats.t.fit(x, floc=0)
    fitted = stats.t(degrees, scale=scale).logpdf(x).mean()
    assert found["student"].shape == pytest.approx(degrees, rel=1e-2)
    assert found["student"].mean_log_density == pytest.approx(fitted, abs=1e-7)


def test_information_counts_parameters():
    x = stats.norm().rvs(1000, random_state=2)
    for found in candidates(x).values():
        assert found.information == 2 * (found.parameters - 1000 * found.mean_log_density)


def test_units_shift_every_density_alike():
    x = stats.laplace().rvs(3000, random_state=3)
    one, other = candidates(x), candidates(1000 * x)
    for name in one:
        shift = one[name].mean_log_density - other[name].mean_log_density
        assert shift == pytest.approx(np.log(1000), abs=1e-6)


def test_bad_input(unchecked):
    with pytest.raises(ValueError, match="`values` must be at least 8 finite numbers"):
        candidates(np.zeros(100))
