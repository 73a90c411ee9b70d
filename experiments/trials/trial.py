"""Does a trial end?"""

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

from workbench.claims import Claims, Statement, Summary
from workbench.knobs import Knobs, knob

SAID = Statement("Somebody (2020)", "eq. 1", "It is so")
HERE = Path(__file__).parents[2]


class Params(Knobs):
    """The knobs."""

    x: int = knob(0, "what is doubled", span=(0, 1000000))
    way: str = knob("", "how the run ends")
    milliseconds: int = knob(0, "how long it takes", span=(0, 100000))


class Result(NamedTuple):
    """The number."""

    double: int


def run(params):
    """Doubles, or ends in the way that is asked for."""
    with (HERE / "calls.txt").open("a") as file:
        file.write(f"{params.x} {os.getpid()}\n")
    time.sleep(params.milliseconds / 1000)
    if params.way == "raise":
        raise ValueError("unlucky")
    if params.way == "once" and (HERE / "calls.txt").read_text().count("\n") < 2:
        raise ValueError("unlucky once")
    if params.way == "exit":
        raise SystemExit(3)
    if params.way == "leave":
        os._exit(7)
    if params.way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if params.way == "hang":
        time.sleep(1000)
    if params.way == "memory":
        bytearray(200_000_000)
    if params.way == "eat":
        held = []
        while True:
            held.append(b"x" * 10_000_000)
            time.sleep(0.001)
    if params.way == "shown":
        return Result(int(os.environ.get("CUDA_VISIBLE_DEVICES", "-1")))
    if params.way == "nan":
        return Result(float("nan"))
    return Result(2 * params.x)


def summary(params, result):
    """The number."""
    return Summary({"double": result.double})


def claims(params, result):
    """It is so."""
    return Claims([SAID.exact(expected=1, measured=1)])
