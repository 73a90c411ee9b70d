"""Loops that tell how far they are and can be stopped between two steps."""

import threading

import pytest

from workbench.base.cancellation import Stopped, Watch, step, steps, watched


def test_unwatched_steps_are_the_items_themselves():
    items = [3, 1, 2]
    assert steps(items) is items
    step()


def test_shares_grow_from_zero_to_one_with_inner_loops_counted_in():
    watch, seen = Watch(), []
    with watched(watch):
        for _ in steps(range(2)):
            for _ in steps(range(4)):
                seen.append(watch.share)
    assert seen == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875]
    assert watch.share == 1


def test_two_loops_one_after_the_other_within_a_step_never_pass_its_share():
    watch, seen = Watch(), []
    with watched(watch):
        for _ in steps(range(4)):
            for _ in range(3):
                for _ in steps(range(2)):
                    seen.append(watch.share)
    assert max(seen) <= 1
    assert watch.share == 1


def test_stopped_work_ends_before_its_next_step_and_no_handler_keeps_it():
    watch, done = Watch(), []

    def work():
        with watched(watch):
            for item in steps(range(100)):
                try:
                    done.append(item)
                    if item == 2:
                        watch.stop()
                    step()
                except Exception:
                    done.append("caught")

    with pytest.raises(Stopped):
        work()
    assert done == [0, 1, 2]


def test_stopped_before_it_began_does_nothing():
    watch = Watch()
    watch.stop()
    with pytest.raises(Stopped), watched(watch):
        raise AssertionError("it began")


def test_one_thread_s_watch_is_not_another_s():
    watch = Watch()
    with watched(watch):
        watch.stop()
        ended = []
        other = threading.Thread(target=lambda: ended.extend(steps([1, 2])))
        other.start()
        other.join()
        assert ended == [1, 2]


def test_a_generator_without_length_is_counted():
    watch = Watch()
    with watched(watch):
        assert list(steps(iter("abc"))) == ["a", "b", "c"]
        assert list(steps(iter("abc"), 3)) == ["a", "b", "c"]
