"""Nothing that comes from elsewhere runs in a page, leaves its folder, or is unpickled."""

import copy
import json
import os
import pickle
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlparse

import nbformat
import numpy as np
import pytest
import toy_notebooks
from browser_page import opened
from click.testing import CliRunner
from hostile import BREAKING, LEADING, LINKING, PAYLOADS, RUNNING
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_markdown_cell, new_notebook, new_output, new_raw_cell
from page_parts import shown
from playwright.sync_api import Error
from records import PLOTLY, claims, figure, put, record, study

from workbench.cli.cli import main
from workbench.experiment.params import Parameters, knob
from workbench.pages.page import page
from workbench.records.store import find_records, given_record, normal, read_points, read_record
from workbench.runs.find import experiment
from workbench.runs.job import run_name
from workbench.share.compare import page as compared
from workbench.share.gallery import gallery
from workbench.share.shared_plotly import share
from workbench.share.study_report import report


def test_the_corpus_is_large_and_each_of_it_once():
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 60


def hostile(text, number=0):
    """A record with the text in every place that holds words."""
    entry = record(run=f"run-{number}", day=1 + number % 28)
    claim = {**claims()[0], **dict.fromkeys(("paper", "where", "statement", "expected"), text)}
    claim |= {"measured": text, "note": text}
    entry |= {"title": text, "error": text, "command": text, "cell": text, "traceback": text}
    entry |= {"knobs": {text: text, "x": number % 3, "y": text}, "changed": {text: text, "x": 1}}
    entry |= {"summary": {text: number, "gain": number / 7}, "claims": [claim, *claims()]}
    known = entry["provenance"]
    known |= dict.fromkeys(("processor", "platform", "device", "python"), text)
    known["packages"] = {text: text, "numpy": text}
    known["code"] = {"commit": text, "source": text}
    known["environment"] = {text: text}
    known["data"] = {text: {"path": text, "bytes": 3, "sha256": text}}
    return entry


def drawn(text):
    """A figure with the text wherever plotly takes words."""
    new = copy.deepcopy(figure(alt=text))
    new["data"][0] |= {"name": text, "text": [text] * 3, "hovertemplate": text, "mode": "lines"}
    new["data"][0]["line"] = {"color": text}
    new["layout"] |= {"title": {"text": text}, "xaxis": {"title": {"text": text}}}
    new["layout"]["annotations"] = [{"text": text, "x": 1, "y": 1}]
    return new


def outputs(text):
    """Cells that show the text in every way that an output has."""
    kinds = ("text/plain", "text/html", "text/markdown", "text/latex", "image/svg+xml")
    kinds += ("application/json", f"application/{text}", "text/csv")
    cells = [shown({kind: text}, source=text) for kind in (*kinds, "image/png")]
    cells[-2].outputs[0].metadata["text/csv"] = {"name": text}
    cells[0].outputs += [
        new_output("stream", name="stdout", text=text),
        new_output("error", ename=text, evalue=text, traceback=[text]),
    ]
    cells[0].metadata["alt"] = text
    raw = new_raw_cell(text, metadata={"raw_mimetype": "text/html"})
    return [new_markdown_cell(f"## {text}\n\n{text}\n\n- {text}"), raw, *cells]


def widgets(texts):
    """The state of widgets that show the texts, and cells that show the widgets."""
    known, cells = {}, []
    for number, text in enumerate(texts):
        values = {"value": text, "description": text}
        known[f"h{number}"] = {"model_name": "HTMLModel", "state": values}
        known[f"a{number}"] = {"model_name": text, "state": {"_anywidget_id": text}}
        layout = {"_widget_data": drawn(text)["data"], "_widget_layout": drawn(text)["layout"]}
        known[f"f{number}"] = {"model_name": "AnyModel", "state": layout}
        view = "application/vnd.jupyter.widget-view+json"
        names = [f"h{number}", f"a{number}", text]
        if number % 9 == 0:  # players and figures take a browser long
            names.append(f"f{number}")
            cells += [shown({kind: text}) for kind in ("image/gif", "video/mp4", "audio/wav")]
        cells += [shown({view: {"model_id": name}, "text/plain": text}) for name in names]
    state = {"application/vnd.jupyter.widget-state+json": {"state": known}}
    return nbformat.from_dict(state), cells


def harmed(seen, root):
    """What a reader would have suffered, after touching what there is."""
    tab = seen.page
    tab.mouse.move(200, 300)
    tab.mouse.move(400, 500)
    try:
        tab.evaluate(
            """() => {
                document.querySelectorAll("details").forEach((one) => (one.open = true));
                document.querySelectorAll("[autofocus]").forEach((one) => one.focus());
            }"""
        )
    except Error as error:  # a page that leaves at this very moment does harm
        if "navigation" not in str(error):
            raise
        return ["it navigates"]
    tab.wait_for_timeout(250)
    harm = [*seen.dialogs, *seen.left]
    harm += [] if tab.evaluate("window.hit") is None else [f"hit {tab.evaluate('window.hit')}"]
    harm += [] if tab.url.startswith(root.as_uri()) else [tab.url]
    harm += [p.url for p in tab.context.pages if p != tab]
    return harm


def test_the_detector_sees_every_one_that_runs(browser, tmp_path):
    """The negative control: on bare pages they do run, so silence elsewhere means something."""
    missed = []
    for number, attack in enumerate(RUNNING):
        path = tmp_path / f"{number}.html"
        path.write_text(f"<!DOCTYPE html><p>{attack}</p>")
        with opened(browser, path) as seen:
            if not harmed(seen, tmp_path):
                missed.append(attack)
    assert missed == []
    path.write_text("<meta http-equiv=refresh content='0;url=other.html'><p>x")
    (tmp_path / "elsewhere").mkdir()
    with opened(browser, path) as seen:
        assert harmed(seen, tmp_path / "elsewhere")


def test_a_breaking_text_breaks_out_where_nothing_is_escaped(browser, tmp_path):
    """The same control for texts that need a place: put there raw, most of them run."""
    path = tmp_path / "raw.html"
    broken = []
    for attack in [a for a in BREAKING if "hit=" in a and a[0] in "\"'<-]"]:
        path.write_text(
            f"<title>{attack}</title><p title=\"{attack}\">{attack}</p><p title='{attack}'></p>"
            f"<input value='{attack}'><script>const a = '{attack}';</script>"
        )
        with opened(browser, path) as seen:
            broken += [attack] if harmed(seen, tmp_path) else []
    assert len(broken) >= 12


def sound(browser, path, root):
    """Opens the page, tries to be harmed, and looks where its links lead."""
    with opened(browser, path) as seen:
        assert harmed(seen, root) == []
        links = seen.page.locator("a[href]:not([download])")
        for address in set(links.evaluate_all("all => all.map((one) => one.href)")):
            assert urlparse(address).scheme in {"file", "http", "https", "mailto"}, address
            if "#" not in address and urlparse(address).scheme == "file":
                place = Path(unquote(urlparse(address).path))
                assert place.resolve().is_relative_to(root.resolve()), address
        yield seen


each_opened = pytest.mark.browser


@each_opened
def test_a_run_s_page_runs_nothing(browser, tmp_path):
    class Own(Parameters):
        word: str = knob("<img src=x onerror=window.hit=1>", "<script>alert(2)</script>")

    cells = [cell for text in PAYLOADS for cell in outputs(text)]
    cells += [shown({PLOTLY: drawn(text)}) for text in PAYLOADS[::3]]
    state, more = widgets(PAYLOADS)
    cells += more
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    entry = hostile("".join(PAYLOADS))
    entry["provenance"]["data"] = {t: {"path": t, "bytes": 1, "sha256": t} for t in PAYLOADS}
    folder = tmp_path / "toys" / "a <b onclick=alert(1)> '\"" / "run"
    folder.mkdir(parents=True)
    path = folder / "page.html"
    notebook = nbformat.from_dict(new_notebook(cells=cells, metadata={"widgets": state}))
    text = page(notebook, normal(entry) | entry, Own(word="".join(PAYLOADS)).table(), str(tmp_path))
    path.write_text(text.replace("\ud800", ""), encoding="utf-8")
    for seen in sound(browser, path, tmp_path):
        # Figures below the first screens are drawn when the browser is idle.
        seen.page.wait_for_function(
            "() => document.querySelectorAll('.js-plotly-plot .main-svg').length > 10"
        )
    assert share(path, tmp_path)
    for seen in sound(browser, path, tmp_path):
        seen.page.wait_for_selector(".js-plotly-plot .main-svg")


def folder_name(text, number):
    """A folder named as much like the text as a file system allows."""
    # A name that begins with a dot is one that a gallery leaves out.
    return f"toys/{number}/n" + "".join(c for c in text if c not in "/\0")[:80]


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """A run for every text, the text in its record, its notebook, its folder's name."""
    root = tmp_path_factory.mktemp("reports")
    for number, text in enumerate(PAYLOADS):
        entry = hostile(text, number) | {"name": text, "run": text, "folder": text}
        entry |= {"state": text if number % 2 else "done", "depth": text}
        entry["timings"] = {"start": text, "seconds": 1}
        folder = put(root, entry, place=folder_name(text, number), with_page=False, notebook=False)
        nbformat.write(
            new_notebook(cells=[shown({PLOTLY: drawn(text)})]), folder / "notebook.ipynb"
        )
        (folder / "page.html").write_text("<p>a page</p>")
    return root


@each_opened
def test_the_gallery_runs_nothing(browser, reports):
    path, cards = gallery(reports)
    assert cards == len(PAYLOADS)
    for seen in sound(browser, path, reports):
        assert seen.page.locator(".card h2 a").count() == len(PAYLOADS)
        assert seen.page.locator("svg.sketch").count() > 60
        for text in [*RUNNING[:3], *BREAKING[:6]]:
            seen.page.get_by_label("Search").fill(text)
        assert harmed(seen, reports) == []


@each_opened
@pytest.mark.parametrize("knobs", [1, 2, 3])
def test_a_report_runs_nothing(browser, tmp_path, knobs):
    records = [hostile(text, number) for number, text in enumerate(PAYLOADS)]
    for number, (entry, text) in enumerate(zip(records, PAYLOADS, strict=True)):
        values = {RUNNING[0]: text, RUNNING[3]: number % 3, BREAKING[0]: text[::-1]}
        entry["summary"] = {PAYLOADS[number % 9]: number}
        entry["knobs"] = dict(list(values.items())[:knobs]) | {BREAKING[1]: LINKING[0]}
    folder = study(tmp_path, records, with_page=False, notebook=False)
    path, count = report(folder)
    assert count == len(PAYLOADS)
    for seen in sound(browser, path, tmp_path):
        seen.page.wait_for_selector(".js-plotly-plot .main-svg")
        assert seen.page.locator("#table tbody tr").count() == count
        for text in [*RUNNING[:3], *BREAKING[:6], "<img src=x onerror=window.hit=9> = 1"]:
            seen.page.get_by_label("Filter").fill(text)
        seen.page.get_by_label("Filter").fill("")
        choice = seen.page.get_by_label("Show")
        for number in range(0, choice.locator("option").count(), 9):
            choice.select_option(index=number)
        seen.page.get_by_role("button", name="state").click()
        assert harmed(seen, tmp_path) == []


@each_opened
def test_a_comparison_runs_nothing(browser, tmp_path):
    left, right = hostile(PAYLOADS[0]), hostile(PAYLOADS[1])
    for number, text in enumerate(PAYLOADS):
        left["knobs"][f"{number}{text}"] = right["summary"][text] = text
    path = tmp_path / "compared.html"
    path.write_text(compared(normal(left), normal(right)), encoding="utf-8")
    for seen in sound(browser, path, tmp_path):
        assert seen.page.locator("tr.differs").count() > len(PAYLOADS)


@pytest.mark.parametrize("way", LEADING, ids=repr)
def test_no_name_leads_out_of_its_folder(tmp_path, way):
    root = tmp_path / "one" / "two" / "study"
    for place in (tmp_path, tmp_path / "one", tmp_path / "one" / "two"):
        for inner in ("outside", "", "x"):
            entry = record(title="a secret", summary={"secret": 1})
            put(place / inner, entry, place=".", with_page=False)
    root.mkdir()
    for name, run in ((way, "outside"), ("outside", way), (way, way), (way, ""), ("", way)):
        points = {"points": [{"name": name, "run": run, "changed": {"x": 1}}]}
        (root / "study.json").write_text(json.dumps(points))
        assert [p["state"] for p in read_points(root)] == ["queued"]
        path, _ = report(root)
        assert "secret" not in path.read_text(encoding="utf-8")
    assert list(find_records(root)) == []
    lying = record(name=way, run=way, folder=way)
    put(root, lying, place="a/b/c")
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if root not in p.parents}
    path, _ = gallery(root)
    assert 'href="a/b/c/page.html"' in path.read_text(encoding="utf-8")
    ran = CliRunner().invoke(main, ["verify", str(root / "a/b/c")])
    assert ran.exit_code == 2
    after = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if root not in p.parents}
    assert {k: v for k, v in after.items() if k not in (root, tmp_path / "one/two")} == {
        k: v for k, v in before.items() if k not in (root, tmp_path / "one/two")
    }


@pytest.mark.parametrize("text", PAYLOADS, ids=repr)
def test_a_run_s_folder_is_one_plain_word_and_no_experiment_has_such_a_name(text):
    class Own(Parameters):
        word: str = knob("", "a word")

    name = run_name(Own(word=text.replace("\ud800", "")), "0" * 64)
    assert Path(name).name == name
    assert name.isascii()
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_")
    with pytest.raises(ValueError, match="must be the name of an experiment"):
        experiment(text)


@pytest.mark.parametrize("text", [*LINKING, "=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1", "\t=1"])
def test_a_csv_of_such_words_is_no_formula(tmp_path, text):
    folder = put(tmp_path, hostile(text), place=".", with_page=False, notebook=False)
    table = CliRunner().invoke(main, ["table", str(folder), "--csv"]).stdout
    for line in table.splitlines():
        for cell in line.split(","):
            assert cell.strip('"')[:1] not in tuple("=+@\t") or cell[:1].isdigit()
    assert ("'" + text in table) == (text[0] in "=+-@\t")


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def mark(tmp_path):
    """The mark that the bomb would leave; that it does is the control."""
    control = tmp_path / "control"
    pickle.loads(pickle.dumps(Bomb(control)))
    assert control.is_dir()
    return tmp_path / "mark"


def test_nothing_that_is_loaded_is_unpickled(tmp_path, mark, monkeypatch):
    from workbench.dendrites.codes.files import read_patterns
    from workbench.dendrites.matching.detector import Detector
    from workbench.experiments.scaling import fit
    from workbench.inits.weights.sources import check_file
    from workbench.share.sketch import main_figure
    from workbench.studies.study_file import read_study

    bombs = [pickle.dumps(Bomb(mark), protocol) for protocol in (0, 2, 5)]
    objects = np.array([Bomb(mark)], dtype=object)

    def files(name):
        path = tmp_path / name
        for bomb in bombs:
            path.write_bytes(bomb)
            yield path
        with path.open("wb") as file:
            np.save(file, objects, allow_pickle=True)
        yield path
        with path.open("wb") as file:
            np.savez(file, patterns=objects, x=objects)
        yield path

    def refused(call):
        with pytest.raises((ValueError, OSError)):
            call()

    for path in files("record.json"):
        assert read_record(path) is None
        refused(lambda path=path: given_record(path))
    for _ in files("study.json"):
        assert read_points(tmp_path) is None
    for path in files("notebook.ipynb"):
        assert main_figure(path) is None
        ran = CliRunner().invoke(main, ["run", str(path)])
        assert ran.exit_code == 2
    for suffix in (".toml", ".yaml"):
        for path in files(f"study{suffix}"):
            refused(lambda path=path: read_study(str(path)))
    for path in files("some.detector"):
        refused(lambda path=path: Detector.load(path))
    for suffix in (".npy", ".npz", ".csv"):
        for path in files(f"patterns{suffix}"):
            refused(lambda path=path: read_patterns(path, 9))
    for suffix in (".npz", ".safetensors"):
        for path in files(f"weights{suffix}"):
            refused(lambda path=path: check_file(str(path)))
    for path in files("table.csv"):
        params = fit.Params(table_file=str(path))
        refused(lambda params=params: fit.run(params))
    assert not mark.exists()


def test_yaml_makes_no_objects(tmp_path, mark):
    from workbench.studies.study_file import read_study

    path = tmp_path / "study.yaml"
    path.write_text(f"experiment: !!python/object/apply:os.mkdir ['{mark}']\nknobs: {{}}\n")
    with pytest.raises(ValueError, match="must be"):
        read_study(str(path))
    assert not mark.exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(PAYLOADS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
PARTS = st.sampled_from(sorted(record()))


def test_a_record_nested_without_end_is_cut(tmp_path):
    folder = put(tmp_path, record(), with_page=False, notebook=False)
    text = json.dumps(record(knobs={"x": "DEEP", "y": 2}))
    (folder / "record.json").write_text(text.replace('"DEEP"', "[" * 800 + "]" * 800))
    gallery(tmp_path), report(tmp_path)
    assert normal(read_record(folder / "record.json"))["knobs"]["y"] == 2


@settings(max_examples=40)
@given(st.lists(st.dictionaries(PARTS, JSON, max_size=4), min_size=1, max_size=3))
@example([{"summary": {"x": 10**4000, "y": float("-inf")}, "title": "\ud800"}])
def test_records_of_any_form_make_pages_and_never_a_traceback(parts):
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for number, part in enumerate(parts):
            entry = record(run=f"r{number}", knobs={"x": number}) | part
            put(root, entry, place=f"toys/toy/r{number}", with_page=False, notebook=False)
        points = [{"name": "toys/toy", "run": f"r{n}", "changed": {}} for n in range(len(parts))]
        (root / "study.json").write_text(json.dumps({"points": points}))
        gallery(root), report(root)
        for folder, entry in find_records(root):
            compared(normal(entry), normal(record()))
            ran = CliRunner().invoke(main, ["table", str(folder), "--csv"])
            assert (ran.exit_code, ran.exception) == (0, None)


def test_torch_files_are_read_without_their_objects(tmp_path, mark):
    torch = pytest.importorskip("torch")
    from workbench.inits.weights.sources import check_file

    path = tmp_path / "weights.pt"
    torch.save({"x": Bomb(mark)}, path)
    with pytest.raises(ValueError, match="weights-only"):
        check_file(str(path))
    path.write_bytes(pickle.dumps(Bomb(mark), protocol=2))  # torch's own
    with pytest.raises(ValueError, match="weights-only"):
        check_file(str(path))
    assert not mark.exists()


def test_a_notebook_s_own_name_is_made_plain(tmp_path, monkeypatch):
    from workbench.runs.job import job

    monkeypatch.chdir(tmp_path)
    for text in ("a <b onclick=alert(1)>", "..", "' or 1", "%2e%2e", "~"):
        path = toy_notebooks.notebook(tmp_path / f"{text}.ipynb")
        parsed = job(str(path), {})
        assert Path("own", parsed.name.split("/")[1]).parts == Path(parsed.name).parts
        assert parsed.name.removeprefix("own/").replace("_", "a").replace("-", "a").isalnum()
