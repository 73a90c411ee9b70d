"""A run to share with others' programs: a research object, a lock of versions, numbers as CSV."""

import csv
import importlib
import io
import json
import zipfile

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from records import claims, put, record, study

from workbench.cli.cli import main
from workbench.records.store import normal
from workbench.records.table import run_rows
from workbench.runs.identity.provenance import around
from workbench.runs.identity.requirements_file import lock
from workbench.share.shared_plotly import share
from workbench.studies.sweep import run_study, study_jobs


def command(*words):
    return CliRunner().invoke(main, list(map(str, words)))


def graph(out):
    held = json.loads((out / "ro-crate-metadata.json").read_text())
    return {e["@id"]: e for e in held["@graph"]}


@pytest.fixture
def run(tmp_path):
    told = record(knobs={"x": 3, "a b": "é"}, summary={"rate": 1 / 3})
    told["provenance"]["data"]["file"]["path"] = str(tmp_path / "secret" / "a.csv")
    told["provenance"]["packages"]["paper-workbench"] = "0.1.0"
    return put(tmp_path / "reports", told)


def test_the_crate_is_read_back_by_the_package_that_defines_it(run, tmp_path):
    rocrate = pytest.importorskip("rocrate.rocrate")
    out = tmp_path / "crate"
    ran = command("export", run, "--rocrate", out)
    assert (ran.exit_code, ran.stdout) == (0, f"{out}\n")
    read = rocrate.ROCrate(out)
    files = {e.id for e in read.get_by_type("File")}
    own = {"record.json", "notebook.ipynb", "page.html"}
    assert files == own | {"numbers.csv", "requirements.txt"}
    for name in own:
        assert (out / name).read_bytes() == (run / name).read_bytes()
    (action,) = read.get_by_type("CreateAction")
    assert action["startTime"] == "2026-01-01T03:04:05.000+00:00"
    assert action["actionStatus"].endswith("CompletedActionStatus")
    knobs = {e["name"]: e["value"] for e in action["object"] if e.type == "PropertyValue"}
    assert knobs == {"x": 3, "a b": "é"}
    numbers = {e["name"]: e["value"] for e in action["result"] if e.type == "PropertyValue"}
    assert numbers == {"rate": 1 / 3}
    assert files == {e.id for e in action["result"] if e.type == "File"}
    assert action["instrument"]["identifier"] == "abc"


def test_every_id_of_the_crate_leads_somewhere(run, tmp_path):
    pytest.importorskip("rocrate.rocrate")
    command("export", run, "--rocrate", tmp_path / "crate")
    held = graph(tmp_path / "crate")

    def ids(value):
        if isinstance(value, list):
            return {i for v in value for i in ids(v)}
        return {value["@id"]} if isinstance(value, dict) else set()

    named = {i for e in held.values() for k, v in e.items() if k != "@id" for i in ids(v)}
    assert named - set(held) == {"https://w3id.org/ro/crate/1.3"}
    assert held["./"]["conformsTo"]["@id"] in held


def test_data_are_described_and_never_copied(run, tmp_path):
    pytest.importorskip("rocrate.rocrate")
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    told = json.loads((run / "record.json").read_text())
    told["provenance"]["data"] = {"file": {"path": str(secret), "bytes": 6, "sha256": "ff"}}
    (run / "record.json").write_text(json.dumps(told))
    (run / "page.html").unlink()
    (run / "page.html").symlink_to(secret)
    command("export", run, "--rocrate", tmp_path / "crate")
    entity = graph(tmp_path / "crate")["#data-file"]
    assert (entity["name"], entity["contentSize"], entity["sha256"]) == ("secret.csv", "6", "ff")
    texts = [p.read_text() for p in (tmp_path / "crate").rglob("*") if p.is_file()]
    assert "secret" not in texts
    assert not (tmp_path / "crate" / "page.html").exists()
    assert str(tmp_path) not in json.dumps(entity)


def test_a_zip_and_a_page_that_shared_its_library(run, tmp_path):
    pytest.importorskip("rocrate.rocrate")
    alone = (run / "page.html").read_bytes()
    share(run / "page.html", tmp_path / "reports")
    out = tmp_path / "crate.zip"
    assert command("export", run / "record.json", "--rocrate", out).exit_code == 0
    with zipfile.ZipFile(out) as held:
        assert held.read("page.html") == alone
        assert all(".." not in n and not n.startswith("/") for n in held.namelist())


def test_what_is_there_is_not_overwritten(run, tmp_path):
    ran = command("export", run, "--rocrate", tmp_path)
    assert ran.exit_code == 2
    assert "`out` must be a new folder or a new file ending in .zip" in ran.stderr


def test_without_the_package_one_sentence_says_how_to_get_it(run, tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    ran = command("export", run, "--rocrate", tmp_path / "crate")
    assert ran.exit_code == 2
    assert "installed: pip install 'paper-workbench[crate]'" in ran.stderr
    assert not (tmp_path / "crate").exists()


def test_the_lock_names_every_package_as_pip_reads_it():
    known = around(None)
    lines = lock(known).splitlines()
    read = [Requirement(line) for line in lines if not line.startswith("#")]
    wanted = {n: v for n, v in known["packages"].items() if n != "paper-workbench"}
    assert {r.name: str(r.specifier).removeprefix("==") for r in read} == wanted
    assert known["python"] in lines[0]


@pytest.mark.parametrize(
    "packages",
    [
        {"--index-url https://e.example": "1"},
        {"a": "1\n--extra-index-url https://e.example"},
        {"a @ https://e.example/a.whl #": "1"},
        {"a": "1 ; import os"},
        {"-r /etc/passwd": ""},
        {"../../a": "1"},
        {"a": ""},
    ],
)
def test_a_lock_from_elsewhere_says_nothing_else_to_pip(packages):
    known = record()["provenance"] | {"packages": {**packages, "numpy": "2.4.0"}}
    known |= {"python": "3\n-e git+https://e.example", "platform": "\r--pre"}
    known["code"] = {"commit": "x\n--pre"}
    told = lock(normal(record(provenance=known))["provenance"])
    assert [line for line in told.splitlines() if not line.startswith("#")] == ["numpy==2.4.0"]


def test_a_study_lies_beside_its_lock(tmp_path):
    from workbench.experiments.scaling.isoflop import Params

    run_study(study_jobs("scaling/isoflop", [Params()], function=True), tmp_path)
    assert (tmp_path / "requirements.txt").read_text() == lock(around(None))


def test_a_run_s_numbers_as_csv_lose_no_digit_and_obey_no_program(tmp_path):
    told = record(knobs={"x": 0.1 + 0.2, "word": "=1+1"}, summary={"rate": 1 / 3})
    folder = put(tmp_path, told | {"claims": claims(half=0.25)}, with_page=False)
    ran = command("table", folder, "--csv")
    rows = list(csv.DictReader(io.StringIO(ran.stdout)))
    held = {r["name"]: r for r in rows}
    assert float(held["x"]["value"]) == 0.1 + 0.2
    assert float(held["rate"]["value"]) == 1 / 3
    assert held["word"]["value"] == "'=1+1"
    claim = held["eq. 2: It is below one"]
    assert [float(claim[k]) for k in ("value", "low", "high")] == [0.25, 0.15, 0.35]
    assert (claim["kind"], claim["verdict"]) == ("claim", "reproduced")
    assert [r["kind"] for r in rows] == ["knob", "knob", "number", "claim", "claim"]


def test_rows_have_equal_columns_and_a_folder_without_a_run_is_refused(tmp_path):
    assert len({tuple(row) for row in run_rows(normal(record()))}) == 1
    ran = command("table", tmp_path)
    assert ran.exit_code == 2
    assert "`study` must be the folder of a study or of a run" in ran.stderr
    study(tmp_path, [record()], with_page=False, notebook=False)
    assert "toys" not in command("table", tmp_path).stdout
