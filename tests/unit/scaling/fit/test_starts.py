"""Starts of a fit: where exponents are right, coefficients are solved exactly."""

import numpy as np
import pytest

from workbench.scaling.fit import starts
from workbench.scaling.fit.fit import fit
from workbench.scaling.laws import catalogue


@pytest.mark.parametrize("law", [catalogue.kaplan, catalogue.kaplan_constant], ids=lambda x: x.name)
def test_a_node_at_the_true_exponents_has_the_true_coefficients(law):
    # The coefficient N_c enters by a power of its own, alpha_N / alpha_D.
    alpha_n, alpha_d = law.spans["alpha_N"].values({})[6], law.spans["alpha_D"].values({})[9]
    truth = {"N_c": 8e7, "D_c": 5e8, "alpha_N": alpha_n, "alpha_D": alpha_d}
    rng = np.random.default_rng(0)
    n, d = 10 ** rng.uniform(6, 9, 60), 10 ** rng.uniform(7, 10, 60)
    loss = ((truth["N_c"] / n) ** (alpha_n / alpha_d) + truth["D_c"] / d) ** alpha_d
    if "E" in law.parameters:
        truth["E"] = starts.SHARES[1] * loss.min() / (1 - starts.SHARES[1])
        loss = loss + truth["E"]
    fitted = fit(law, {"parameters": n, "tokens": d, "loss": loss}, loss="squared")
    at = starts.candidates(fitted.law, fitted.columns, fitted.problem)
    best = at[np.nanargmin(starts.objectives(fitted.problem, at))]
    got = dict(zip(law.parameters, fitted.law.program.outside(best), strict=True))
    assert got == pytest.approx(truth, rel=1e-6)
