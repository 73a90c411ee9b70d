import numpy as np
import pytest

from workbench.dendrites.pattern_files import read_patterns

ROWS = np.array([[5, 1, 9], [0, 3, 2]])
SORTED = np.array([[1, 5, 9], [0, 2, 3]])


def saved(folder, suffix, rows=ROWS, **more):
    path = folder / f"mine{suffix}"
    if suffix == ".npy":
        np.save(path, rows)
    elif suffix == ".npz":
        np.savez(path, patterns=rows, **more)
    else:
        path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n\n")
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_every_kind_of_file_is_read_and_sorted(tmp_path, suffix):
    read = read_patterns(saved(tmp_path, suffix), 10)
    np.testing.assert_array_equal(read.patterns, SORTED)
    assert read.labels is None


def test_a_text_file_of_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(b"\xef\xbb\xbf5, 1 ,9\r\n0,3,2\r\n")
    np.testing.assert_array_equal(read_patterns(path, 10).patterns, SORTED)


def test_labels_become_classes_from_zero(tmp_path):
    read = read_patterns(saved(tmp_path, ".npz", labels=np.array([70, -3])), 10)
    np.testing.assert_array_equal(read.labels, [1, 0])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2\n3,x\n", r"whole numbers between commas in row 2; got '3,x'"),
        ("1,2\n3,4.5\n", "whole numbers between commas in row 2"),
        ("1,2\n\n3,4\n", "whole numbers between commas in row 2; got ''"),
        ("1,2\n3,4,5\n", "2 indices in row 2, as in row 1; got '3 indices'"),
        ("1,2\n3,10\n", r"indices in \[0, cells=10\) in row 2; got 10"),
        ("1,2\n-1,4\n", r"indices in \[0, cells=10\) in row 2; got -1"),
        ("1,2\n4,4\n", "distinct indices in row 2; got '4 twice'"),
        ("1,99999999999999999999999\n", "cell indices in row 1"),
        ("", "at least one pattern"),
        ("a,b\n1,2\n", "row 1"),
    ],
)
def test_a_bad_row_is_named(tmp_path, text, says):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=says):
        read_patterns(path, 10)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.array([1, 2, 3]), r"array \(patterns, active\); got 'int64 of shape \(3,\)'"),
        (np.array([[1.0, 2.0]]), "float64"),
        (np.array([[True, False]]), "bool"),
        (np.zeros((0, 4), int), "at least one pattern"),
        (np.array([[1, 2], [3, 2**40]]), r"row 2; got 1099511627776"),
        (np.array([[1, 2], [3, 2**64 - 1]], dtype=np.uint64), "row 2"),
        (np.array([[1, "x"]], dtype=object), "without objects"),
    ],
)
def test_a_bad_array_is_refused(tmp_path, rows, says):
    with pytest.raises(ValueError, match=says):
        read_patterns(saved(tmp_path, ".npy", rows), 10)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    cut = tmp_path / "cut.npy"
    cut.write_bytes(saved(tmp_path, ".npy").read_bytes()[:-9])
    archive = tmp_path / "cut.npz"
    archive.write_bytes(saved(tmp_path, ".npz").read_bytes()[:60])
    np.savez(tmp_path / "other.npz", rows=ROWS)
    (tmp_path / "text.npy").write_text("1,2")
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe1")
    for name in ("cut.npy", "cut.npz", "other.npz", "text.npy", "latin.csv", "none.npy", "a.txt"):
        with pytest.raises(ValueError, match="^`patterns_file` must be "):
            read_patterns(tmp_path / name, 10)


def test_a_pickle_is_never_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "exploded"), "w")

    np.save(tmp_path / "bomb.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="without objects"):
        read_patterns(tmp_path / "bomb.npy", 10)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("labels", [np.array([1.5, 2.0]), np.array([1]), np.array([[1], [2]])])
def test_bad_labels_are_refused(tmp_path, labels):
    with pytest.raises(ValueError, match="one whole-number label for each of 2 patterns"):
        read_patterns(saved(tmp_path, ".npz", labels=labels), 10)
