"""Files and folders that are written beside their names; what leads elsewhere is never followed."""

import os

import pytest

from workbench.base.files.atomic import PARTIAL, make_folder, write_bytes, write_text, written


def by_name(path):
    with written(path) as place:
        place.write_text("new")


MEANS = {
    "text": lambda path: write_text(path, "new"),
    "bytes": lambda path: write_bytes(path, b"new", durable=False),
    "by name": by_name,
}
each_means = pytest.mark.parametrize("write", MEANS.values(), ids=MEANS)


@each_means
@pytest.mark.parametrize("target", ["file", "nothing", "folder", "itself"])
def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path, write, target):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    path = tmp_path / "here" / "a.txt"
    path.parent.mkdir()
    path.symlink_to(path if target == "itself" else tmp_path / target)
    write(path)
    assert (path.is_symlink(), path.read_text()) == (False, "new")
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "nothing").exists()
    assert os.listdir(tmp_path / "here") == ["a.txt"]


@each_means
def test_another_name_of_the_old_file_keeps_its_content(tmp_path, write):
    (tmp_path / "mine").write_text("mine")
    os.link(tmp_path / "mine", tmp_path / "a.txt")
    write(tmp_path / "a.txt")
    assert (tmp_path / "mine").read_text() == "mine"


@each_means
def test_a_folder_at_the_place_is_an_error(tmp_path, write):
    (tmp_path / "a.txt").mkdir()
    (tmp_path / "a.txt" / "mine").write_text("mine")
    with pytest.raises(OSError, match="directory"):
        write(tmp_path / "a.txt")
    assert (tmp_path / "a.txt" / "mine").read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_while_a_library_writes_leaves_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UnicodeEncodeError), written(tmp_path / "a.txt") as place:
        place.write_text("half" * 100_000 + "\udcff", encoding="utf-8")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_place_is_this_user_s_alone_and_cannot_be_known(tmp_path):
    places = []
    for _ in range(2):
        with written(tmp_path / "a.txt") as place:
            assert place.parent.stat().st_mode & 0o077 == 0
            assert place.parent.name.startswith(PARTIAL)
            places.append(place)
            place.write_text("")
    assert places[0] != places[1]
    assert (tmp_path / "a.txt").stat().st_mode & 0o044 == 0o044 & ~_mask()


def _mask():
    os.umask(mask := os.umask(0))
    return mask


def test_a_room_is_made_and_is_there(tmp_path):
    for _ in range(2):
        assert make_folder(tmp_path / "reports", "own/x", "run") == tmp_path / "reports/own/x/run"
        assert (tmp_path / "reports/own/x/run").is_dir()


@pytest.mark.parametrize("planted", ["own", "own/x", "own/x/run"])
@pytest.mark.parametrize("target", ["elsewhere", "nothing", "reports"])
def test_no_room_behind_a_link(tmp_path, planted, target):
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / "reports" / planted
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / target)
    with pytest.raises(NotADirectoryError, match="a link where a folder must be"):
        make_folder(tmp_path / "reports", "own/x", "run")
    assert os.listdir(tmp_path / "elsewhere") == []
    assert not (tmp_path / "nothing").exists()


def test_no_room_where_a_file_is(tmp_path):
    (tmp_path / "own").write_text("mine")
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path, "own", "run")
    with pytest.raises(OSError, match="File name too long"):
        make_folder(tmp_path, "x" * 300)


def test_the_folder_of_all_may_be_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "reports").symlink_to(tmp_path / "disk")
    make_folder(tmp_path / "reports", "run")
    assert os.listdir(tmp_path / "disk") == ["run"]
