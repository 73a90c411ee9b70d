"""Multipliers of the maximal-update parametrisation, under which widths share their learning rates.

Source:
    Yang et al. (2022), Tensor programs V, arXiv:2203.03466, in the form that the package mup
    implements: the readout's input is divided by the width's growth, its weights do not change.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from workbench.base.checks import refuse, whole

Role = Literal["input", "hidden", "output", "vector"]
Optimizer = Literal["sgd", "adam"]


class Multipliers(NamedTuple):
    """Factors relative to the same tensor at the base width.

    Attributes:
        deviation: on the initial deviation.
        forward: on the layer's output at every pass.
        learning_rate: on the optimiser's rate.
        weight_decay: on decoupled decay, so that rate times decay stays as it was.
    """

    deviation: float
    forward: float
    learning_rate: float
    weight_decay: float


def mup(role: Role, width: int, base_width: int, optimizer: Optimizer = "adam") -> Multipliers:
    """Multipliers of one tensor when its width grows by m = width/base_width.

    input and vectors: initial size as it was; rate 1 (adam), m (sgd)
    hidden:            deviation 1/√m; rate 1/m (adam), 1 (sgd)
    output:            deviation as it was, forward 1/m; rate 1 (adam), m (sgd)

    Args:
        role: "input" for weights from a fixed size to the width, "hidden" from width to width,
            "output" from width to a fixed size, "vector" for biases and gains.
        width: units, at least 1.
        base_width: units for which the rates were tuned.
        optimizer: "adam" for any method with normalised steps, "sgd" for plain gradients.

    Raises:
        ValueError: if the role or the optimiser is unknown, or a width is below 1.
    """
    m = int(whole("width", width, 1)) / int(whole("base_width", base_width, 1))
    if optimizer not in ("adam", "sgd"):
        refuse("optimizer", "'adam' or 'sgd'", optimizer)
    plain = optimizer == "sgd"
    if role in ("input", "vector"):
        return Multipliers(1.0, 1.0, m if plain else 1.0, 1 / m if plain else 1.0)
    if role == "hidden":
        return Multipliers(m**-0.5, 1.0, 1.0 if plain else 1 / m, 1.0 if plain else m)
    if role == "output":
        return Multipliers(1.0, 1 / m, m if plain else 1.0, 1 / m if plain else 1.0)
    return refuse("role", "'input', 'hidden', 'output' or 'vector'", role)


def attention_scale(head_width: int, base_head_width: int) -> float:
    """The factor on queries times keys: √base/width, which is 1/√width at the base width.

    Source:
        Yang et al. (2022): 1/d instead of 1/√d.
    """
    return int(whole("base_head_width", base_head_width, 1)) ** 0.5 / int(
        whole("head_width", head_width, 1)
    )
