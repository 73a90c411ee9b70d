import os
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.dendrites.matching.detector import Detector
from workbench.dendrites.matching.serialization import FIELDS, HEAD, HEADER

SEGMENTS = np.random.default_rng(3).random((50, 64)).argsort(axis=1)[:, :12]
PATTERNS = np.random.default_rng(4).random((9, 64)).argsort(axis=1)[:, :20]
SIZE = HEADER + 2 * SEGMENTS.size


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "segments"
    Detector(SEGMENTS, 64, 5).save(path)
    return path.read_bytes()


def refused(path, content, sentence):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^`path` must be {sentence}.*; got ") as caught:
        Detector.load(path)
    assert "\n" not in str(caught.value)


def test_a_saved_detector_comes_back(tmp_path, backend):
    # Numba works on the host alone.
    for method in ("auto", "plain", *(["numba"] if backend.name == "numpy" else [])):
        detector = Detector(backend.put(SEGMENTS), 64, 5, method)
        for path in (tmp_path / "segments.bin", str(tmp_path / "text")):
            detector.save(path)
            again = Detector.load(path)
            for name in ("segments", "synapses", "cells", "threshold"):
                assert getattr(again, name) == getattr(detector, name)
            assert again.method == ("plain" if method == "plain" else "numba")
            expected = detector.matches(backend.put(PATTERNS))
            for got, column in zip(again.matches(PATTERNS), expected, strict=True):
                np.testing.assert_array_equal(got, column)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 0)])
def test_empty_detectors_come_back(tmp_path, shape):
    Detector(np.zeros(shape, int), 65_536, 2**40).save(tmp_path / "empty")
    again = Detector.load(tmp_path / "empty")
    assert (again.segments, again.synapses) == shape
    assert (again.cells, again.threshold) == (65_536, 2**40)


def test_the_file_can_be_mapped(tmp_path, saved):
    (tmp_path / "file").write_bytes(saved)
    mapped = np.memmap(tmp_path / "file", "<u2", "r", HEADER, SEGMENTS.shape)
    np.testing.assert_array_equal(mapped, SEGMENTS)
    detector = Detector(mapped, 64, 5)
    np.testing.assert_array_equal(
        detector.matches(PATTERNS).segment, Detector(SEGMENTS, 64, 5).matches(PATTERNS).segment
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, SIZE - 1), flips=st.integers(1, 255))
def test_a_flipped_byte_is_refused(tmp_path, saved, place, flips):
    content = bytearray(saved)
    content[place] ^= flips
    refused(tmp_path / "file", content, "an? .*detector file")


def test_every_byte_counts(tmp_path, saved):
    for place in range(SIZE):
        content = bytearray(saved)
        content[place] ^= 1
        refused(tmp_path / "file", content, "an? .*detector file")


@pytest.mark.parametrize("length", [1, 7, 8, 60, HEADER - 1, HEADER, SIZE - 1, SIZE + 1])
def test_a_file_of_another_length_is_refused(tmp_path, saved, length):
    refused(tmp_path / "file", (saved + b"\0")[:length], "a whole detector file")


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x93NUMPY" + b"\0" * 400])
def test_a_foreign_file_is_refused(tmp_path, content):
    refused(tmp_path / "file", content, "a detector file")


def test_a_newer_version_is_refused(tmp_path, saved):
    content = bytearray(saved)
    content[8] = 2
    refused(tmp_path / "file", content, "a detector file of version 1")


def test_a_failed_save_keeps_the_old_file_and_leaves_nothing(tmp_path, saved, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(saved)

    def full(handle):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        Detector(SEGMENTS[:3], 64, 5).save(path)
    assert path.read_bytes() == saved
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"item": 8, "synapses": 3}, "`path` must be a detector file of 2 or 4 bytes an index"),
        ({"item": 0, "synapses": 0}, "`path` must be a detector file of 2 or 4 bytes an index"),
        ({"each": 3}, "`path` must be "),
        ({"rows": 2**40, "synapses": 0}, "`path` must be a detector file of at most 4294967296"),
        ({"rows": 0, "synapses": 2**40}, "`path` must be a detector file of at most 4294967296"),
        ({"method": b"\xff\xfe"}, "`method` must be one of"),
        ({"cells": 5}, "`segments` must be a whole number in"),
        ({"cells": 0}, "`cells` must be"),
        ({"cells": 2**63}, "`cells` must be"),
        ({"threshold": 2**64 - 1}, "`threshold` must be"),
    ],
)
def test_a_changed_file_with_the_right_checksum_is_refused(tmp_path, saved, changes, sentence):
    names = ("cells", "rows", "synapses", "threshold", "method", "item", "each")
    fields = dict(zip(names, FIELDS.unpack(saved[HEAD.size : HEADER]), strict=True)) | changes
    size = fields["rows"] * (fields["synapses"] * fields["item"] + fields["each"])
    rest = FIELDS.pack(*fields.values()) + saved[HEADER:][:size]
    checksum = blake2b(rest, digest_size=32).digest()
    path = tmp_path / "file"
    path.write_bytes(HEAD.pack(*HEAD.unpack(saved[: HEAD.size])[:2], checksum) + rest)
    with pytest.raises(ValueError, match=f"^{sentence}") as caught:
        Detector.load(path)
    assert str(caught.value).isprintable()
