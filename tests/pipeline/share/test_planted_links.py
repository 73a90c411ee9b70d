"""Links that somebody has put where a command writes: they are replaced, never followed."""

import os
import stat
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


READ = ["page.html", "record.json", "notebook.ipynb"]
COMMANDS = {
    "gallery": lambda folder, run: ["gallery", folder],
    "report": lambda folder, run: ["report", folder],
    "runs": lambda folder, run: ["runs", "--reports", folder],
    "index": lambda folder, run: ["index", folder],
    "compare": lambda folder, run: ["compare", run, run, "--html", folder / "two.html"],
    "table": lambda folder, run: ["table", run],
    "export": lambda folder, run: ["export", run, "--rocrate", folder / "crate"],
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_that_a_link_leads_to_is_shown(folder, tmp_path, name, command):
    private = put(tmp_path / "private", record(run="private-run", title="private title"))
    run = folder / "toys/toy/default-1"
    (run / name).unlink()
    (run / name).symlink_to(private / name)
    ran = CliRunner().invoke(main, [str(word) for word in COMMANDS[command](folder, run)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "private" not in ran.stdout
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert b"private-run" not in content
            assert b"private title" not in content
            if path.suffix == ".html":
                assert f'href="toys/toy/default-1/{name}"'.encode() not in content


def special(path, kind, tmp_path):
    """Something that is no file of a usual size, in the place of one."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    elif kind == "directory":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(3 * 10**9)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kind", ["pipe", "socket", "directory", "device", "loop", "sparse"])
@pytest.mark.timeout(120)
def test_what_is_no_usual_file_ends_no_command(folder, tmp_path, name, kind):
    run = folder / "toys/toy/default-1"
    special(run / name, kind, tmp_path)
    for command, words in COMMANDS.items():
        ran = CliRunner().invoke(main, [str(word) for word in words(folder, run)])
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
        assert ran.exit_code == 0 or " must be " in ran.stderr, command
    if (folder / "crate").exists():
        assert not (folder / "crate" / name).exists()


@pytest.mark.parametrize("name", ["index.html", "report.html", "index.parquet", "two.html"])
def test_a_hard_link_is_replaced_and_its_other_name_keeps_its_content(folder, tmp_path, name):
    (tmp_path / "mine").write_text(MINE)
    os.link(tmp_path / "mine", folder / name)
    WRITTEN[name](folder, folder / "toys/toy/default-1")
    assert (tmp_path / "mine").read_text() == MINE
    assert (folder / name).stat().st_size > 100


def test_a_page_that_is_a_hard_link_is_shared_beside_it(folder, tmp_path):
    page = folder / "toys/toy/default-1/page.html"
    os.link(page, tmp_path / "mine")
    before = page.read_bytes()
    call("gallery", folder)
    assert (tmp_path / "mine").read_bytes() == before
    assert len(page.read_bytes()) < len(before)
