"""Studies by dask end as they do without it, and leave the same records."""

import contextlib
import importlib.util
import os
import socket
import sys
import urllib.request

import psutil
import pytest
import stranger
import toy_notebooks

from workbench.records.store import read_points
from workbench.runs.function_run import call
from workbench.studies.dask_pool import DaskPool

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="needs the extra dask"
)

UNLIMITED = {"timeout": None, "prepare": None, "memory": None}
# A cluster that lets everybody in, at ports that are free.
OPEN = {"n_workers": 1, "threads_per_worker": 1}
OPEN |= {"scheduler_kwargs": {"dashboard": False, "dashboard_address": "127.0.0.1:0"}}
INTRUDER = """
kinds = {"none": {}, "own": {"security": distributed.Security.temporary()}}
try:
    with distributed.Client(sys.argv[1], timeout=5, **kinds[sys.argv[2]]) as client:
        print("ran as", client.submit(os.getuid).result(timeout=20))
except (OSError, TypeError) as error:
    print("refused", error)
"""


def intruded(address, keys):
    """What came of it when another user asked the cluster to run code."""
    # As root it loads what dask would load on the way.
    loaded = "import distributed, os, sys\n"
    loaded += f"with distributed.LocalCluster(processes=False, **{OPEN}):\n    pass"
    return stranger.answer(loaded, INTRUDER, address, keys)


def told(folder):
    """The records without what differs from one run of the same study to the next."""
    found = []
    for record in read_points(folder / "study"):
        names = ("state", "error", "name", "run", "identity", "knobs", "claims", "summary")
        found.append({name: record[name] for name in names})
    return found


def test_a_local_cluster_leaves_the_same_records(tmp_path, trial):
    ways = {"way": ["", "raise", "leave", "kill", "hang", "eat"]}
    limits = {"jobs": 2, "timeout": 20.0, "memory": 700_000_000}
    for name, where in (("here", {}), ("there", {"dask": "local"})):
        (tmp_path / name).mkdir()
        counts = trial.run(tmp_path / name, ways, **limits, **where)
        assert counts == {"kept": 0, "done": 1, "failed": 1, "killed": 3, "timed out": 1}
    here, there = told(tmp_path / "here"), told(tmp_path / "there")
    for one in (*here, *there):
        if one["knobs"]["way"] == "eat":
            assert one.pop("error").endswith("of memory, more than the limit of 700 MB")
    assert here == there
    assert trial.run(tmp_path / "there", {"way": ""}, dask="local") == {"kept": 1}


def test_a_cluster_that_is_there_already_stays(tmp_path, trial, monkeypatch):
    import distributed

    monkeypatch.setenv("TRIAL_FOLDER", str(tmp_path))
    with distributed.LocalCluster(**OPEN) as cluster:
        for values, counts in (([1, 2], {"kept": 0, "done": 2}), ([2, 3], {"kept": 1, "done": 1})):
            assert trial.run(tmp_path, {"x": values}, dask=cluster.scheduler_address) == counts


@pytest.mark.notebook
def test_notebook_runs_by_the_command(tmp_path):
    toy_notebooks.notebook(tmp_path / "own.ipynb", "2 * x")
    words = ["sweep", "own.ipynb", "--x", "1,2", "--out", "study", "--dask", "local"]
    process = toy_notebooks.command(*words, cwd=tmp_path)
    out, err = process.communicate(timeout=300)
    assert out == "0 kept, 2 done: study\n", err
    for record in read_points(tmp_path / "study"):
        files = sorted(
            p.name for p in (tmp_path / "study" / record["name"] / record["run"]).iterdir()
        )
        assert files == ["notebook.ipynb", "page.html", "record.json"]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "", "ftp://x"])
def test_an_address_where_nobody_answers(tmp_path, monkeypatch, address):
    from workbench.studies import dask_pool

    monkeypatch.setattr(dask_pool, "_CONNECT_SECONDS", 1)
    with pytest.raises(ValueError, match="`dask` must be the address of a scheduler") as refused:
        DaskPool(call, 1, address, tmp_path, **UNLIMITED)
    assert "\n" not in str(refused.value)


def test_an_address_of_another_server(tmp_path, monkeypatch):
    """It takes the connection and never answers."""
    from workbench.studies import dask_pool

    monkeypatch.setattr(dask_pool, "_CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ValueError, match="`dask` must be the address of a scheduler"):
            DaskPool(call, 1, address, tmp_path, **UNLIMITED)


def test_without_dask_it_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match="`dask` must be left out where the extra `dask` is not"):
        DaskPool(call, 1, "local", tmp_path, **UNLIMITED)


def test_a_cluster_of_this_machine_is_closed_to_other_users(tmp_path):
    import distributed

    with distributed.LocalCluster(**OPEN) as cluster:
        who = f"ran as {os.getuid()}"
        assert intruded(cluster.scheduler_address, "none") == who, (
            "another user must be able to try"
        )
    with DaskPool(call, 1, "local", tmp_path, **UNLIMITED) as slots:
        address, keys = slots._client.scheduler.address, slots._client.security
        assert address.startswith("tls:")
        for tried, own in ((address.replace("tls:", "tcp:"), "none"), (address, "own")):
            assert intruded(tried, own).startswith("refused"), (tried, own)
        with distributed.Client(address, security=keys) as owner:
            assert owner.submit(os.getuid).result(timeout=30) == os.getuid()


def test_a_cluster_of_this_machine_serves_no_pages_and_leaves_nothing(tmp_path):
    with DaskPool(call, 2, "local", tmp_path, **UNLIMITED) as slots:
        assert slots._client.submit(os.getpid).result(timeout=60) != os.getpid()
        mine = psutil.Process()
        ports = set()
        for process in (mine, *mine.children(recursive=True)):
            found = process.net_connections("tcp")
            ports |= {c.laddr.port for c in found if c.status == psutil.CONN_LISTEN}
        assert len(ports) >= 4, "a scheduler, and two workers with who watches over them"
        for port in ports:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                pytest.fail(f"something is served at port {port}")
        (scratch,) = tmp_path.iterdir()
        assert scratch.name.startswith(".partial-")
        assert scratch.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_without_cryptography_it_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ValueError, match="`dask` must be left out where the package cryptography"):
        DaskPool(call, 1, "local", tmp_path, **UNLIMITED)
