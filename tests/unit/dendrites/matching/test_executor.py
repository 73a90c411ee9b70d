"""Tasks in several threads: every piece once and in order, whatever thread makes it."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from workbench.dendrites.matching import executor
from workbench.dendrites.matching.executor import in_order


def pieces(task, count, seen=None, rest=0.0):
    for place in range(count):
        if seen is not None:
            seen.append((task, place, threading.current_thread().name))
        time.sleep(rest)
        yield [task, place]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_every_piece_comes_once_and_in_order(threads):
    rng = np.random.default_rng(threads)
    counts = rng.integers(0, 4, 60).tolist()
    seen = []
    tasks = (pieces(i, n, seen, rng.uniform(0, 2e-3)) for i, n in enumerate(counts))
    every = [[i, k] for i, n in enumerate(counts) for k in range(n)]
    assert list(in_order(tasks, threads)) == every
    assert sorted([*s[:2]] for s in seen) == every
    names = {name for _, _, name in seen}
    assert len(names) <= threads
    if threads > 1:
        # The caller works, and others do.
        assert threading.current_thread().name in names
        assert any(name.startswith("detector") for name in names)


def test_a_long_task_is_paused_where_nobody_asks_for_its_pieces(monkeypatch):
    monkeypatch.setattr(executor, "PAIRS_BUFFERED", 100)
    started = []

    def long(task):
        for place in range(50):
            started.append(task)
            yield np.full(30, task), np.full(30, place)

    result = in_order((long(i) for i in range(4)), 2)
    next(result)
    time.sleep(0.2)
    # Four pieces of thirty pairs are more than a hundred; two tasks a thread are begun at most.
    assert max(started.count(i) for i in range(4)) <= 4
    rest = [int(p[0][0]) for p in result]
    assert rest == [0] * 49 + [1] * 50 + [2] * 50 + [3] * 50


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("bad", [0, 1, 5])
def test_what_a_task_raises_is_raised_in_its_place(threads, bad):
    def task(number):
        yield number
        if number == bad:
            raise ZeroDivisionError(number)

    result = []

    def ask():
        for number in in_order(map(task, range(9)), threads):
            result.append(number)

    with pytest.raises(ZeroDivisionError, match=str(bad)):
        ask()
    # Pieces that came before it in the same task may be lost with it, those of earlier ones never.
    assert result[:bad] == list(range(bad))
    assert len(result) <= bad + 1


def test_who_stops_asking_stops_the_threads():
    begun = []

    def task(number):
        begun.append(number)
        time.sleep(0.01)
        yield number

    result = in_order(map(task, range(1000)), 3)
    assert [next(result) for _ in range(4)] == [0, 1, 2, 3]
    result.close()
    time.sleep(0.1)
    so_far = len(begun)
    assert so_far <= 4 + 6 + 1
    time.sleep(0.1)
    assert len(begun) == so_far


def test_several_callers_share_the_threads():
    answers = {}

    def ask(caller):
        tasks = (pieces((caller, i), 2, rest=1e-3) for i in range(20))
        answers[caller] = list(in_order(tasks, 3))

    callers = [threading.Thread(target=ask, args=(c,)) for c in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    for caller in range(4):
        assert answers[caller] == [[(caller, i), k] for i in range(20) for k in range(2)]


def test_a_task_may_search_itself():
    def outer(number):
        yield list(in_order((iter([number, i]) for i in range(5)), 2))

    result = list(in_order(map(outer, range(6)), 2))
    assert result == [[x for i in range(5) for x in (number, i)] for number in range(6)]


FORKED = """
import multiprocessing, threading, time
from workbench.dendrites.matching.executor import in_order

def pieces(task):
    time.sleep(0.02)
    yield [[task], threading.current_thread().name]

def work():
    found = list(in_order(map(pieces, range(40)), 3))
    return [task for (task,), _ in found], len({name for _, name in found}) > 1

def in_child(queue):
    queue.put(work())

context = multiprocessing.get_context("fork")
assert work() == (list(range(40)), True)
queue = context.Queue()
child = context.Process(target=in_child, args=(queue,))
child.start()
assert queue.get(timeout=60) == (list(range(40)), True)
child.join(60)
"""


def test_a_forked_process_has_threads_of_its_own():
    # A fresh interpreter forks, since this one may hold JAX, which forbids it.
    subprocess.run([sys.executable, "-c", FORKED], timeout=120, check=True)
