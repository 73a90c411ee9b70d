"""Which arrays an optimiser remembers: by the form of its state, or by names along their paths."""

from __future__ import annotations

import re
from typing import Any

# Keys under which its state is stored, and what optimisers themselves call the parts of it.
_KEY = r"(\w+_)?optim(s|i[sz]ers?)?(_\w+)?\d*|opt_?states?\w*|(\w+_)?(lr_)?schedulers?(_\w+)?"
_KIND = r"(\w+_)?(n?adam(w|ax)?|ada(grad|delta|factor|belief)|rmsprop|sgd)(_states?|_?\d+)?"
_PART = r"(\w+_)?exp_(avg|inf)\w*|(\w+_)?momentum_buffers?|square_avg|grad_avg|acc_delta"
# Too short to tell by itself: `opt` is a language model as well.
_SHORT = r"opt(_[a-z]|\d)?[./](.*[./])?(state|mu|nu|trace|count|inner_state)"
_NAME = re.compile(rf"(^|[./])({_KEY}|{_KIND}|{_PART}|{_SHORT})(?=[./:]|$)", re.I)


def is_state(value: Any) -> bool:
    """Whether a container is the state of one of torch's optimisers, under whatever key it lies."""
    return isinstance(value, dict) and {"state", "param_groups"} <= value.keys()


def is_named_so(name: str) -> bool:
    """Whether an array's path says that an optimiser remembers it."""
    return _NAME.search(name) is not None
