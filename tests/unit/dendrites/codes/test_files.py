import json
from contextlib import suppress

import numpy as np
import pytest
from scipy import sparse

from workbench.base.files import numpy_file
from workbench.dendrites.codes import files
from workbench.dendrites.codes.files import read_patterns

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
        ("1,2\n,4\n", "whole numbers between commas in row 2"),
        ("cat,1,2\n3,4\n", "whole numbers between commas in row 1"),
        ("cat,1,2\ndog,4,x\n", "whole numbers between commas in row 2"),
        ("0,1,0\n0,0,0\n", "`cells` must be 3, the columns of zeros and ones"),
        ("1,2\n3,10\n", r"indices in \[0, cells=10\) in row 2; got 10"),
        ("1,2\n-1,4\n", r"indices in \[0, cells=10\) in row 2; got -1"),
        ("1,2\n4,4\n", "distinct indices in row 2; got '4 twice'"),
        ("1,99999999999999999999999\n", r"indices in \[0, cells=10\) in row 1; got 9{23}"),
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
        (np.array([[True, False]]), "`cells` must be 2, the columns of zeros and ones"),
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


def rows_of(*, count=30, cells=40, seed=3):
    """Zeros and ones with one to five active cells a row, and the lists of active cells."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((count, cells), dtype=np.uint8)
    for row in dense:
        row[rng.choice(cells, rng.integers(2, 6), replace=False)] = 1
    return dense, [np.flatnonzero(row).tolist() for row in dense]


def test_all_ways_to_write_ragged_patterns_give_the_same(tmp_path):
    dense, lists = rows_of()
    names = [["emu", "ant"][k % 2] for k in range(len(lists))]
    np.save(tmp_path / "dense.npy", dense)
    np.save(tmp_path / "switch.npy", dense.astype(bool))
    np.save(tmp_path / "float.npy", dense.astype(np.float32))
    np.savez(tmp_path / "named.npz", patterns=dense, labels=np.array(names))
    for kind in ("csr", "csc", "coo"):
        sparse.save_npz(tmp_path / f"{kind}.npz", sparse.csr_array(dense).asformat(kind))
    lines = [",".join(map(str, row)) for row in lists]
    (tmp_path / "ragged.csv").write_text("\n".join(lines))
    named = "\r\n".join(f"{n}, {line},," for n, line in zip(names, lines, strict=True))
    (tmp_path / "named.csv").write_text(named)
    (tmp_path / "dense.csv").write_text("\n".join(",".join(map(str, r)) for r in dense))
    (tmp_path / "ragged.json").write_text(json.dumps(lists))
    (tmp_path / "named.json").write_text(json.dumps({"patterns": lists, "labels": names}))
    read = {p.name: read_patterns(p, 40, seed=1) for p in sorted(tmp_path.iterdir())}
    assert len(read) == 12
    first = read["dense.npy"]
    assert first.patterns.shape == (30, min(map(len, lists)))
    assert first.longest == max(map(len, lists))
    for row, whole in zip(first.patterns, lists, strict=True):
        assert set(row) <= set(whole)
        assert (np.diff(row) > 0).all()
    for name, other in read.items():
        np.testing.assert_array_equal(other.patterns, first.patterns, err_msg=name)
        expected = [1, 0] * 15 if name.startswith("named") else None
        assert other.labels is None if expected is None else list(other.labels) == expected, name


def test_longer_patterns_are_thinned_at_random(tmp_path):
    path = tmp_path / "ragged.csv"
    path.write_text("1\n" + "\n".join(["0,1,2,3"] * 400))
    taken = read_patterns(path, 10, seed=5).patterns[1:, 0]
    counts = np.bincount(taken, minlength=4)
    assert np.abs(counts - 100).max() < 5 * np.sqrt(75)
    assert not np.array_equal(taken, read_patterns(path, 10, seed=6).patterns[1:, 0])


def test_pairs_of_the_first_cells_are_indices_unless_they_cannot_be(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("0,1\n1,0\n")
    np.testing.assert_array_equal(read_patterns(path, 10).patterns, [[0, 1], [0, 1]])
    path.write_text("0,1\n1,1\n")
    with pytest.raises(ValueError, match="`cells` must be 2"):
        read_patterns(path, 10)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[1, 2], [3, 99]]", r"indices in \[0, cells=10\) in row 2; got 99"),
        ("[[1, 2], []]", "at least one active cell in row 2"),
        ("[[1, 2.5]]", "whole numbers in row 1"),
        ('[["a"]]', "whole numbers in row 1"),
        ("[1, 2]", "a list of lists"),
        ('{"rows": [[1]]}', "a list of lists"),
        ('{"patterns": [[1], [2]], "labels": ["a"]}', "label for each of 2 patterns"),
        ('{"patterns": [[1], [2]], "labels": [["a"], 1]}', "label for each of 2 patterns"),
        ('{"patterns": [[1], [2]], "labels": "ab"}', "label for each of 2 patterns"),
        ("[[1, 2", "JSON in UTF-8"),
        ("[" * 100_000, "JSON in UTF-8"),
        ("[]", "at least one pattern"),
    ],
)
def test_bad_json_is_refused(tmp_path, text, says):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=says):
        read_patterns(path, 10)


def test_sparse_matrices_that_lie_are_refused(tmp_path):
    good = {"format": b"csr", "shape": (2, 10), "data": np.ones(2), "indptr": [0, 1, 2]}
    for name, parts, says in (
        ("wide", {"indices": [1, 30]}, "a whole NumPy file"),
        ("count", {"indices": [1, 3], "data": np.array([1, 4])}, "zeros and ones"),
        ("row", {"indices": [1, 3], "indptr": [0, 2, 2]}, "at least one active cell in row 2"),
        ("fall", {"indices": [1, 3], "indptr": [0, 2, 1]}, "a whole NumPy file"),
        ("cells", {"indices": [1, 3], "shape": (2, 20)}, "`cells` must be 20"),
    ):
        path = tmp_path / f"{name}.npz"
        np.savez(path, **{k: np.array(v) for k, v in {**good, **parts}.items()})
        with pytest.raises(ValueError, match=says):
            read_patterns(path, 10)


def test_a_header_that_promises_more_than_the_file_has_takes_no_memory(tmp_path):
    for shape in ("(4398046511104, 2)", "(4, 2", "(4398046511104,)"):
        header = ("{'descr': '<i8', 'fortran_order': False, 'shape': " + shape + ", }").ljust(117)
        path = tmp_path / "lies.npy"
        path.write_bytes(b"\x93NUMPY\x01\x00" + bytes([118, 0]) + header.encode() + b"\n")
        with pytest.raises(ValueError, match="`patterns_file` must be a whole NumPy file"):
            read_patterns(path, 10)


def test_streams_and_methods_that_no_library_reads_are_refused(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, patterns=np.arange(4000).reshape(40, 100))
    whole = path.read_bytes()
    for at in range(40, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        # Of a flipped byte that changes no number the file is read as it was.
        with suppress(ValueError):
            read = read_patterns(path, 4000).patterns
            np.testing.assert_array_equal(read, np.arange(4000).reshape(40, 100))


def test_an_archive_is_not_unpacked_beyond_its_bounds(tmp_path, monkeypatch):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, patterns=np.zeros((500, 500), np.uint8))
    monkeypatch.setattr(numpy_file, "UNPACKED", 10_000)
    with pytest.raises(ValueError, match="it unpacks to 250,128 bytes, over 100 times"):
        read_patterns(path, 500)
    monkeypatch.setattr(numpy_file, "UNPACKED", 1 << 20)
    monkeypatch.setattr(files, "LARGEST", 200_000)
    with pytest.raises(ValueError, match="must be at most 200,000 bytes when unpacked"):
        read_patterns(path, 500)


@pytest.mark.parametrize(("bound", "most"), [("PATTERNS", 1), ("ACTIVE", 5)])
def test_patterns_are_bounded_in_number_and_size(tmp_path, monkeypatch, bound, most):
    monkeypatch.setattr(files, bound, most)
    dense = np.zeros((2, 10), int)
    np.put_along_axis(dense, np.array(ROWS), 1, axis=1)
    (tmp_path / "mine.json").write_text(json.dumps(ROWS.tolist()))
    with pytest.raises(ValueError, match=f"`patterns_file` must be at most {most} "):
        read_patterns(tmp_path / "mine.json", 10)
    for suffix, rows in ((".npy", ROWS), (".npz", ROWS), (".npy", dense)):
        with pytest.raises(ValueError, match=f"`patterns_file` must be at most {most} "):
            read_patterns(saved(tmp_path, suffix, rows), 10)


def test_a_sparse_matrix_of_endless_rows_is_refused_by_its_shape(tmp_path):
    path = tmp_path / "mine.npz"
    held = {"format": b"coo", "shape": (2**50, 10), "data": np.ones(1), "row": [1], "col": [2]}
    np.savez(path, **{k: np.array(v) for k, v in held.items()})
    with pytest.raises(ValueError, match="a sparse matrix of at most 134,217,728 rows"):
        read_patterns(path, 10)
