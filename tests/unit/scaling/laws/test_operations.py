"""Values without slopes are those with them, to the last digit."""

import numpy as np
import pytest

from workbench.scaling.laws import autodiff, operations
from workbench.scaling.laws.catalogue import NAMED


@pytest.mark.parametrize("code", range(len(operations.NAMES)), ids=operations.NAMES)
def test_every_operation_has_the_value_of_its_partials(code):
    rng = np.random.default_rng(code)
    x, y = rng.normal(scale=30, size=(2, 50, 1)), rng.uniform(0.1, 9, size=(1, 40))
    x[:3, :, :], y[:, :2] = np.inf, 1e-9
    with np.errstate(all="ignore"):
        for pair in ((x[0], y), (y, x[1]), (x[0], x[0])):
            np.testing.assert_array_equal(
                operations.value(code, *pair), operations.partials(code, *pair)[0]
            )


@pytest.mark.parametrize("name", NAMED)
def test_every_law_has_the_loss_of_its_trace(name):
    law = NAMED[name]
    rng = np.random.default_rng(0)
    columns = {c: rng.uniform(1.5, 1e6, 30) for c in law.columns}
    theta = rng.normal(size=(20, len(law.parameters)))
    data = law.program.bound(columns)
    np.testing.assert_array_equal(
        autodiff.log_loss(law.program, theta, data),
        autodiff.forward(law.program, theta, data).log_loss,
    )
