"""Studies by dask end as they do without it, and leave the same records."""

import importlib.util
import socket
import sys

import pytest
import toy_notebooks

from workbench.records.store import read_points
from workbench.runs.function_run import call
from workbench.studies.dask_pool import DaskSlots

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="needs the extra dask"
)


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
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
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
        files = sorted(p.name for p in (tmp_path / "study" / record["folder"]).iterdir())
        assert files == ["notebook.ipynb", "page.html", "record.json"]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "", "ftp://x"])
def test_an_address_where_nobody_answers(monkeypatch, address):
    from workbench.studies import dask_pool

    monkeypatch.setattr(dask_pool, "_CONNECT_SECONDS", 1)
    with pytest.raises(ValueError, match="`dask` must be the address of a scheduler") as refused:
        DaskSlots(call, 1, address, timeout=None, prepare=None, memory=None)
    assert "\n" not in str(refused.value)


def test_an_address_of_another_server(monkeypatch):
    """It takes the connection and never answers."""
    from workbench.studies import dask_pool

    monkeypatch.setattr(dask_pool, "_CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ValueError, match="`dask` must be the address of a scheduler"):
            DaskSlots(call, 1, address, timeout=None, prepare=None, memory=None)


def test_without_dask_it_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match="`dask` must be left out where the extra `dask` is not"):
        DaskSlots(call, 1, "local", timeout=None, prepare=None, memory=None)
