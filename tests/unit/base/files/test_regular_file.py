"""Only regular files of a bounded size are opened; pipes and devices are refused at once."""

import errno
import hashlib
import os
import socket
import tracemalloc
from pathlib import Path

import pytest

from workbench.base.checks import LONGEST, Refusal, clipped, refuse
from workbench.base.files import regular_file
from workbench.base.files.regular_file import check, content, digest, opened, refused, require
from workbench.base.free_memory import free_memory


@pytest.fixture
def no_files(tmp_path):
    """By the words that refuse it, what is no regular file, and links to such."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(tmp_path)  # a socket's path must be short
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        yield {
            tmp_path / "pipe": "it is a pipe and no regular file",
            tmp_path / "link": "it is a pipe and no regular file",
            tmp_path / "zero": "it is a device and no regular file",
            tmp_path / "socket": "it is a socket and no regular file",
            Path("/dev/full"): "it is a device and no regular file",
            tmp_path: "Is a directory",
            tmp_path / "none": "No such file or directory",
            tmp_path / "round": "Too many levels of symbolic links",
            "a\0b": "its path has a zero byte",
        }


@pytest.mark.timeout(20)
@pytest.mark.parametrize("read", [opened, check, digest, lambda path: content(path, 9)])
def test_what_is_no_regular_file_is_refused_at_once(no_files, read):
    for path, words in no_files.items():
        with pytest.raises(OSError, match=words) as caught:
            read(path)
        assert caught.value.strerror == words


@pytest.mark.timeout(20)
def test_a_pipe_that_takes_the_place_of_a_file_meanwhile_is_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"1")
    before = os.stat(tmp_path / "file")
    with monkeypatch.context() as patched:
        patched.setattr(regular_file.os, "stat", lambda path, **_: before)
        with pytest.raises(OSError, match="it is a pipe"):
            opened(tmp_path / "pipe")


def test_a_link_to_a_file_is_that_file(tmp_path):
    (tmp_path / "file").write_bytes(b"1234")
    (tmp_path / "link").symlink_to("file")
    assert content(tmp_path / "link", 4) == b"1234"
    assert digest(tmp_path / "link") == (4, hashlib.sha256(b"1234").hexdigest())
    with opened(tmp_path / "link", 4) as file:
        assert file.read() == b"1234"


def test_a_file_above_the_bound_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    for read in (opened, check, content):
        with pytest.raises(OSError, match="it has 5 bytes, and at most 4 are read") as caught:
            read(path, 4)
        assert caught.value.errno == errno.EFBIG
    os.truncate(path, regular_file.LARGEST + 1)  # sparse: it takes no room
    with pytest.raises(OSError, match="bytes, and at most"):
        digest(path)


def test_what_grows_while_it_is_read_is_refused():
    # The kernel writes this one anew while it is read, and says that it has no bytes.
    with pytest.raises(OSError, match="it has more than 2 bytes"):
        content("/proc/self/status", 2)
    with pytest.raises(OSError, match="it grows while it is read"):
        digest("/proc/self/status")


def test_a_hash_takes_little_memory(tmp_path):
    path = tmp_path / "sparse"
    path.touch()
    os.truncate(path, 1 << 28)
    tracemalloc.start()
    try:
        size, sha256 = digest(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 1 << 28
    assert sha256 == "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484"
    assert peak < 8 << 20


def test_what_a_library_raises_becomes_one_sentence_and_a_fault_of_ours_does_not():
    for error in (OSError(5, "Input/output error"), UnicodeDecodeError("utf-8", b"", 0, 1, "no")):
        wanted = pytest.raises(Refusal, match="^`x` must be a table .*; got 'a.csv'$")
        with wanted, refused("x", "a table", "a.csv"):
            raise error
    wanted = pytest.raises(Refusal, match=r"^`x` must be a table \(a b\); got 'a.csv'$")
    with wanted, refused("x", "a table", "a.csv", (ArithmeticError,)):
        raise ZeroDivisionError("a\n  b")
    with pytest.raises(ZeroDivisionError), refused("x", "a table", "a.csv"):
        raise ZeroDivisionError
    wanted = pytest.raises(Refusal, match="^`y` must be more; got 3$")
    with wanted, refused("x", "a table", "a.csv"):
        refuse("y", "more", 3)


def test_a_missing_file_has_a_sentence_of_its_own(tmp_path):
    with pytest.raises(Refusal, match="^`x` must be an existing file; got "):
        require("x", str(tmp_path / "none"))
    with pytest.raises(Refusal, match=r"^`x` must be an existing file \(Is a directory\); got "):
        require("x", str(tmp_path))


def test_a_refusal_is_one_printable_line_of_bounded_length():
    for name, what, got in (("n" * 999, "w" * 999, "g" * 999), ("a\nb", "\x1b[2J\ud800", "\0\n")):
        with pytest.raises(Refusal) as caught:
            refuse(name, what, got)
        said = str(caught.value)
        assert said.isprintable()
        assert len(said) <= LONGEST
        assert said.startswith("`")
        assert "; got '" in said
    assert clipped("  a \n b", 9) == "a b"
    assert clipped("abcdef", 5) == "ab..."


def test_the_free_memory_is_less_than_all_and_follows_the_process_s_limit():
    import resource

    free, limits = free_memory(), resource.getrlimit(resource.RLIMIT_AS)
    assert 0 < free < float("inf")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (1 << 24)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
        assert free_memory() <= 1 << 24
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
