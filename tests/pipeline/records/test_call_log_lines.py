"""Lines with their places, whatever the file holds."""

import io
import os
import time

import pytest

from workbench.records.call_log_reader import lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"ab\n\ncd", [(0, b"ab\n"), (3, b"\n"), (4, b"cd")]),
        (b"abcdefghij\nkl\n", [(0, b"abcde"), (11, b"kl\n")]),
        (b"abcd\nefgh\n", [(0, b"abcd\n"), (5, b"efgh\n")]),
        (b"abcde\nf\n", [(0, b"abcde"), (6, b"f\n")]),
        (b"abcdefgh", [(0, b"abcde")]),
    ],
)
def test_a_line_that_is_too_long_gives_its_beginning_and_hides_no_other(content, expected):
    file, found = io.BytesIO(content), []
    for one in lines(file, 5):
        found.append(one)
        file.seek(0)
    assert found == expected


def test_a_file_without_a_line_end_is_passed_over(tmp_path):
    with open(tmp_path / "sparse", "w+b") as file:
        os.truncate(file.fileno(), 2**30)
        file.seek(0, 2)
        file.write(b"\nlast\n")
        began = time.process_time()
        found = [(place, line[:9]) for place, line in lines(file, 1000)]
        assert found == [(0, bytes(9)), (2**30 + 1, b"last\n")]
        assert time.process_time() - began < 10
