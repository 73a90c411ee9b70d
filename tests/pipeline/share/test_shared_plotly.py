"""The library beside the pages: moved out, found by the page, moved back, never exchanged."""

import functools
import http.server
import os
import re
import threading
import tracemalloc

import pytest
from browser_page import opened
from records import put, record

from workbench.share.shared_plotly import inline, share, standalone

NAME = r"plotly-[0-9.]+-[0-9a-f]{16}\.js"


@pytest.fixture
def made(tmp_path):
    folder = put(tmp_path, record())
    return tmp_path, folder / "page.html"


def test_out_and_back_leaves_the_very_page(made):
    root, page = made
    before = page.read_bytes()
    assert share(page, root)
    assert page.stat().st_size < 150_000
    (library,) = root.glob("*.js")
    assert re.fullmatch(NAME, library.name)
    assert f'load("../../../{library.name}")' in page.read_text()
    assert not share(page, root)
    assert inline(page)
    assert page.read_bytes() == before
    assert not inline(page)


@pytest.mark.parametrize("kind", ["sparse", "pipe", "binary"])
def test_what_is_no_page_is_left_alone(made, kind):
    """Read whole, three gigabytes of nothing would take nine of memory."""
    root, page = made
    page.unlink()
    if kind == "pipe":
        os.mkfifo(page)
    else:
        page.write_bytes(b"\xff")
    if kind == "sparse":
        os.truncate(page, 2**29)
    tracemalloc.start()
    assert (share(page, root), inline(page), standalone(page)) == (False, False, "")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_pages_share_one_library_and_a_new_root_gets_its_own(made):
    root, page = made
    other = put(root, record(run="other"), place="studies/one/toys/toy/other") / "page.html"
    share(page, root), share(other, root)
    assert len(list(root.rglob("*.js"))) == 1
    assert "../../../../../plotly" in other.read_text()
    assert share(other, root / "studies" / "one")
    assert 'load("../../../plotly' in other.read_text()
    assert len(list((root / "studies" / "one").glob("*.js"))) == 1


def test_a_page_outside_the_root_is_refused(made, tmp_path):
    root, page = made
    (root / "inner").mkdir()
    with pytest.raises(ValueError, match="`page` must be a file below"):
        share(page, root / "inner")


BAD = "/**\n* plotly.js v4\n*/ alert(1)"


def plant(path, way):
    path.unlink(missing_ok=True)
    if way == "link":
        path.with_name("other").write_text(BAD)
        path.symlink_to(path.with_name("other"))
    elif way == "pipe":
        os.mkfifo(path)
    else:
        path.write_text(BAD)


@pytest.mark.parametrize("way", ["file", "link", "pipe"])
@pytest.mark.timeout(120)
def test_a_planted_library_is_replaced(made, way):
    """Before the first page is shared, and after."""
    root, page = made
    before = page.read_bytes()
    share(page, root)
    (library,) = root.glob("*.js")
    good, shared = library.read_bytes(), page.read_bytes()
    for content in (shared, before):
        plant(library, way)
        page.write_bytes(content)
        share(page, root)
        assert not library.is_symlink()
        assert library.read_bytes() == good
        assert page.read_bytes() == shared
    plant(library, way)
    assert standalone(page).encode() == before
    assert inline(page)
    assert page.read_bytes() == before


def test_a_planted_library_that_no_version_here_has_is_removed(made):
    """The page then names the file that it misses, and runs nothing else."""
    root, page = made
    share(page, root)
    (library,) = root.glob("*.js")
    digest = library.stem.rsplit("-", 1)[1]
    other = library.with_name(library.name.replace(digest, "0" * 16))
    page.write_text(page.read_text().replace(digest, "0" * 16))
    other.write_text(BAD)
    before = page.read_bytes()
    assert not inline(page)
    assert not share(page, root)
    assert page.read_bytes() == before
    assert not other.exists()
    assert not share(page, root)


def test_no_file_outside_the_folder_is_removed(made, tmp_path):
    root, page = made
    share(page, root)
    outside = tmp_path.parent / f"plotly-4.0.0-{'0' * 16}.js"
    outside.write_text(BAD)
    text = re.sub(
        rf'load\("[./]*{NAME}"\)', f'load("../../../../{outside.name}")', page.read_text()
    )
    page.write_text(text)
    assert outside.name in text
    assert not share(page, root)
    assert outside.read_text() == BAD
    outside.unlink()


@pytest.mark.parametrize("change", ["older", "policy", "none"])
def test_pages_that_could_not_load_it_are_left_alone(made, change):
    root, page = made
    text = page.read_text()
    if change == "older":
        text = text.replace('addEventListener("plotly", begin)', "")
    if change == "policy":  # a script that the page's own policy never admitted
        text = text.replace("* plotly.js v", "* plotly.js v9")
    if change == "none":
        text = "<p>nothing</p>"
    page.write_text(text)
    assert not share(page, root)
    assert page.read_text() == text
    assert not list(root.glob("*.js"))


@pytest.mark.browser
def test_the_page_draws_from_disk_by_the_library_beside_it(made, browser):
    root, page = made
    share(page, root)
    with opened(browser, page) as seen:
        seen.page.wait_for_selector(".js-plotly-plot .main-svg")
        assert (seen.left, seen.errors, seen.dialogs) == ([], [], [])
        # The policy still admits no script that another one has not loaded.
        seen.page.evaluate(
            """() => { const s = document.createElement("div");
            s.innerHTML = "<img src=x onerror='window.bad = 1'>"; document.body.append(s); }"""
        )
        seen.page.wait_for_timeout(200)
        assert seen.page.evaluate("window.bad") is None


@pytest.mark.browser
def test_the_page_says_which_file_it_misses(made, browser):
    root, page = made
    share(page, root)
    (library,) = root.glob("*.js")
    library.unlink()
    with opened(browser, page) as seen:
        seen.page.get_by_text(f"This figure needs the file ../../../{library.name}").wait_for()


@pytest.mark.browser
def test_the_page_draws_from_a_server(made, browser):
    root, page = made
    share(page, root)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet.at(root)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab, errors = browser.new_page(), []
        tab.on("pageerror", lambda e: errors.append(str(e)))
        tab.goto(f"http://127.0.0.1:{server.server_port}/{page.relative_to(root).as_posix()}")
        tab.wait_for_selector(".js-plotly-plot .main-svg")
        assert errors == []
        tab.close()
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    @classmethod
    def at(cls, root):
        return functools.partial(cls, directory=str(root))

    def log_message(self, *_):
        pass
