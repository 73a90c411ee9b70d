"""Links that somebody has put where a command writes: they are replaced, never followed."""

import os
import zipfile

import pytest
from click.testing import CliRunner
from records import put, record, study

from workbench.cli.cli import main
from workbench.live import run_copy

MINE = "a private file"


def call(*words):
    ran = CliRunner().invoke(main, list(map(str, words)))
    assert ran.exit_code == 0, ran.output


WRITTEN = {
    "index.html": lambda folder, run: call("gallery", folder),
    "index.parquet": lambda folder, run: call("index", folder),
    "report.html": lambda folder, run: call("report", folder),
    "two.html": lambda folder, run: call("compare", run, run, "--html", folder / "two.html"),
    "toys/toy/default-1/explore.ipynb": lambda folder, run: run_copy.write_copy(run),
    "toys/toy/default-1/page.html": lambda folder, run: call("gallery", folder),
}


@pytest.fixture
def folder(tmp_path):
    return study(tmp_path / "reports", [record()])


@pytest.mark.parametrize("target", ["mine", "nothing"])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_planted_link_is_not_followed(folder, tmp_path, name, target):
    (tmp_path / "mine").write_text(MINE)
    path = folder / name
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / target)
    WRITTEN[name](folder, folder / "toys/toy/default-1")
    assert (tmp_path / "mine").read_text() == MINE
    assert not (tmp_path / "nothing").exists()
    # A run's page that is a link is none of the run's, and is left alone.
    assert path.is_symlink() == name.endswith("page.html")
    assert path.is_symlink() or path.stat().st_size > 100
    assert not [p for p in folder.rglob("*") if p.name.startswith(".partial-")]


@pytest.mark.parametrize("name", ["crate", "crate.zip"])
def test_an_export_goes_through_no_link(folder, tmp_path, name):
    """A link that leads to nothing yet would have been written through."""
    run, out = folder / "toys/toy/default-1", tmp_path / name
    out.symlink_to(tmp_path / "nothing")
    ran = CliRunner().invoke(main, ["export", str(run), "--rocrate", str(out)])
    assert ran.exit_code == 2
    assert "`out` must be a new folder or a new file" in ran.output
    assert not (tmp_path / "nothing").exists()
    out.unlink()
    call("export", run, "--rocrate", out)
    names = zipfile.ZipFile(out).namelist() if out.is_file() else os.listdir(out)
    assert "record.json" in names
    assert sorted(os.listdir(tmp_path)) == sorted([name, "reports"])


def test_a_run_s_folder_behind_a_link_is_not_explored(tmp_path):
    elsewhere = put(tmp_path / "elsewhere", record())
    before = sorted(os.listdir(elsewhere))
    link = tmp_path / "run"
    link.symlink_to(elsewhere)
    for given in (link, link / "record.json"):
        with pytest.raises(ValueError, match="`record` must be in a folder of its own, not behind"):
            run_copy.write_copy(given)
    assert sorted(os.listdir(elsewhere)) == before


def test_a_folder_that_takes_no_copy_is_refused(tmp_path):
    run = put(tmp_path, record())
    (run / "explore.ipynb").mkdir()
    with pytest.raises(ValueError, match=r"`record` must be in a folder .* \(Is a directory\)"):
        run_copy.write_copy(run)
