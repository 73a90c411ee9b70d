"""Loops that report their progress and can be cancelled between two steps."""

import threading

import pytest

from workbench.base.cancellation import Cancelled, CancelToken, cancel_scope, step, steps


def test_outside_a_cancel_scope_steps_are_the_items_themselves():
    items = [3, 1, 2]
    assert steps(items) is items
    step()


def test_progress_grows_from_zero_to_one_with_inner_loops_included():
    token, seen = CancelToken(), []
    with cancel_scope(token):
        for _ in steps(range(2)):
            for _ in steps(range(4)):
                seen.append(token.progress)
    assert seen == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875]
    assert token.progress == 1


def test_two_loops_one_after_the_other_within_a_step_never_exceed_its_part():
    token, seen = CancelToken(), []
    with cancel_scope(token):
        for _ in steps(range(4)):
            for _ in range(3):
                for _ in steps(range(2)):
                    seen.append(token.progress)
    assert max(seen) <= 1
    assert token.progress == 1


def test_cancelled_work_ends_before_its_next_step_whatever_handler_surrounds_it():
    token, done = CancelToken(), []

    def work():
        with cancel_scope(token):
            for item in steps(range(100)):
                try:
                    done.append(item)
                    if item == 2:
                        token.cancel()
                    step()
                except Exception:
                    done.append("caught")

    with pytest.raises(Cancelled):
        work()
    assert done == [0, 1, 2]


def test_work_cancelled_before_it_begins_does_nothing():
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled), cancel_scope(token):
        raise AssertionError("it began")


def test_a_cancel_scope_belongs_to_one_thread():
    token = CancelToken()
    with cancel_scope(token):
        token.cancel()
        ended = []
        other = threading.Thread(target=lambda: ended.extend(steps([1, 2])))
        other.start()
        other.join()
        assert ended == [1, 2]


def test_a_generator_without_length_is_counted():
    token = CancelToken()
    with cancel_scope(token):
        assert list(steps(iter("abc"))) == ["a", "b", "c"]
        assert list(steps(iter("abc"), 3)) == ["a", "b", "c"]
