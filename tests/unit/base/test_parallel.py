import threading

import pytest
from threadpoolctl import threadpool_info

from workbench.base.parallel import parallel_map, parallel_slices


def test_results_come_in_order_from_threads_that_stay_alive():
    names = set()

    def work(item):
        names.add(threading.current_thread().name)
        return item**2

    for _ in range(5):
        assert parallel_map(work, range(30)) == [i**2 for i in range(30)]
    assert threading.current_thread().name not in names
    assert all(name.startswith("workbench") for name in names)


def test_what_a_thread_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        parallel_map(lambda i: 1 / i, [1, 0])


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("workers", [1, 3])
def test_shares_cover_every_network_once_with_one_thread_of_blas(monkeypatch, count, workers):
    monkeypatch.setattr("os.cpu_count", lambda: workers)
    threads = []

    def work(some):
        # NumPy's alone: other tests may have loaded libraries that bring a BLAS of their own.
        pools = [p for p in threadpool_info() if p["user_api"] == "blas"]
        ours = [p for p in pools if "numpy" in p["filepath"]] or pools[:1]
        threads.extend(p["num_threads"] for p in ours)
        return list(range(count))[some]

    parts = parallel_slices(work, count)
    assert sum(parts, []) == list(range(count))
    assert len(parts) == min(count, workers)
    assert set(threads) == {1}
