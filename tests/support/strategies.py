"""Hypothesis strategies drawn from an experiment's knobs: settings it admits, and bad values."""

from hypothesis import strategies as st

from workbench.experiment.relations import bound, names


def value(knob):
    """Values within the knob's span or among its choices."""
    if knob.choices:
        return st.sampled_from(knob.choices)
    if knob.suffixes:
        return st.just("")
    low, high = knob.span or (None, None)
    if knob.kind is int:
        return st.integers(low, high)
    if knob.kind is float:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    return {bool: st.booleans(), str: st.text(st.characters(exclude_categories=["Cs"]))}[knob.kind]


def params(model):
    """Settings of every knob; the relations between knobs may still refuse some."""
    return st.fixed_dictionaries({k.name: value(k) for k in model.knobs()})


def units(model):
    """A number in [0, 1] for every knob, which `setting` turns into a value."""
    return st.fixed_dictionaries({k.name: st.floats(0, 1) for k in model.knobs()})


def setting(model, units):
    """Values of every knob, each as far into what the model's `at_most` leaves as its unit says.

    No strategy of hypothesis, for beartype checks arguments at random, which those must not.
    """
    values, waiting = {}, list(model.knobs())
    while waiting:
        knob = next(k for k in waiting if names(model.at_most.get(k.name, "0")) <= set(values))
        waiting.remove(knob)
        most = model.at_most.get(knob.name)
        values[knob.name] = _at(knob, units[knob.name], most and bound(most, values))
    return values


def _at(knob, unit, most):
    if knob.choices:
        return knob.choices[min(int(unit * len(knob.choices)), len(knob.choices) - 1)]
    if knob.kind is bool:
        return unit >= 0.5
    if knob.span is None:
        return knob.default
    low, high = knob.span
    high = high if most is None else max(low, min(high, most))
    if knob.is_budget:
        high = min(high, max(low, knob.default / 50))
    if knob.log and low > 0:
        # What goes by factors is a size, and small ones leave time for more settings.
        return knob.kind(min(max(low * (high / low) ** unit**2, low), high))
    return knob.kind(low + (high - low) * unit)


def bad(knob):
    """Values that the knob must refuse."""
    kinds = {
        int: st.one_of(_numbers_no_int_knob_takes(knob), st.just(2.5), st.just("3")),
        float: st.one_of(_numbers_no_int_knob_takes(knob), st.just("0.5")),
        bool: st.sampled_from([0, 1, 1.0, "True", None]),
        str: st.sampled_from([3, 2.5, True, None, b"numpy", "\udcff"]),
    }
    return kinds[knob.kind]


def _numbers_no_int_knob_takes(knob):
    odd = [True, False, None, float("nan"), float("inf"), -float("inf"), [1], 1j, 10**400]
    if knob.span is None:
        return st.sampled_from(odd)
    low, high = knob.span
    outside = st.one_of(
        st.integers(max_value=int(low) - 1), st.integers(int(high) + 1, int(high) * 10 + 10)
    )
    return st.one_of(st.sampled_from(odd), outside)
