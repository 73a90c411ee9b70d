"""Outputs of other libraries: what a page can show it shows, the rest it names in a sentence."""

import base64
import json

import numpy as np
import plotly.graph_objects as go
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from page_parts import PNG, record, shown

from workbench.pages.cells.foreign import output_html
from workbench.pages.page import page
from workbench.pages.text.prose import markdown
from workbench.pages.text.style_sheets import inline, scoped

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
SVG = '<svg width="4" viewBox="0 0 4 4"><defs><linearGradient id="g"/></defs>{}</svg>'


def soup(*cells, folder="", widgets=None):
    notebook = new_notebook(cells=list(cells))
    if widgets is not None:
        notebook.metadata.widgets = {STATE: {"state": widgets, "version_major": 2}}
    return BeautifulSoup(page(notebook, record(), "", folder), "html.parser").select_one("#story")


def box(source):
    return BeautifulSoup(output_html(source), "html.parser").div


@pytest.mark.parametrize(
    ("sheet", "rules"),
    [
        ("#T_a_row0_col1, #T_a .x {background-color:#440154}",
         ".s #T_a_row0_col1,.s #T_a .x{background-color:#440154}"),
        ("a{color:red!important;width:calc(1px + 2%)}",
         ".s a{color:red!important;width:calc(1px + 2%)}"),
        ("a{background:linear-gradient(90deg,#d65f5f 3%,transparent 3%)}",
         ".s a{background:linear-gradient(90deg,#d65f5f 3%,transparent 3%)}"),
        (":root{--a:1px} body .b{gap:1px}", ".s{--a:1px}.s .b{gap:1px}"),
        ("@media (max-width:9px){a{color:red}}", "@media (max-width:9px){.s a{color:red}}"),
        ("@media (prefers-color-scheme:dark){a{color:#fff}}", ""),
        ("@import 'https://e.example';@font-face{src:url(x)}", ""),
        ("a{background:url(https://e.example);cursor:URL('x'),auto}", ""),
        ("a{background:image-set('https://e.example' 1x)}", ""),
        ("a{background:u\\\\72l(x)}", ""),
        ("a{--x:url(https://e.example)}", ""),
        ("a{position:fixed;position:sticky;position:var(--x)}", ""),
        ("a{animation:k 1s;behavior:x;-moz-binding:x}", ""),
        ("body,html{display:none;position:absolute}", ""),
        ("+ a,> b,~ c{color:red}", ""),
        ("a{content:'</style><script>'}", ""),
        ("</style><script>{color:red}", ""),
        ("a{color:red}}*{color:blue}", ".s a{color:red}"),
    ],
)  # fmt: skip
def test_a_sheet_reaches_its_own_output_and_asks_for_nothing(sheet, rules):
    assert scoped(sheet, "s") == rules


@pytest.mark.parametrize(
    ("style", "left"),
    [
        ("background-color:#fc0;width:30px", "background-color:#fc0;width:30px"),
        ("color:red;position:fixed;top:0;z-index:9", "color:red"),
        ("margin:0 auto;margin-top:-99px;text-indent:-9em", "margin:0 auto"),
        ("margin:calc(0px - 9px);transform:scale(9)", ""),
        ("background:url(https://e.example);float:right", "float:right"),
    ],
)
def test_a_style_attribute_leaves_its_element_in_its_place(style, left):
    assert inline(style) == left


def test_a_drawing_keeps_the_pictures_that_it_carries():
    source = "<image xlink:href='{}' width='4'/>"
    sources = [f"data:image/png;base64,{PNG}", "https://e.example/x.png", "data:text/html,x"]
    made = box(SVG.format("".join(map(source.format, sources))))
    assert [one.get("xlink:href") for one in made.select("image")] == [sources[0]]
    assert [note.text for note in made.select(".refused")] == [
        f"[picture: {source}; it is not part of this page]" for source in sources[1:]
    ]


def test_coloured_cells_keep_their_colours_and_no_other_output_has_them():
    made = soup(
        shown({"text/html": "<style>#t1{background:#fc0}</style><table><td id=t1>x</table>"}),
        shown({"text/html": "<td></td><div style='background-color:#fc0'>y</div>"}),
        shown({"text/html": "<table><td id=t1>z</table>"}),
    )
    first, second, third = made.select(".output > .table")
    (scope,) = [name for name in first["class"] if name not in ("table", "painted")]
    assert first.style.string == f".{scope} #t1{{background:#fc0}}"
    assert second.select_one("div[style]")["style"] == "background-color:#fc0"
    # What brings its colours stands on the paper it was made for; other tables are the page's.
    assert ["painted" in box["class"] for box in (first, second, third)] == [True, True, False]
    assert scope not in third["class"]
    assert not made.select(".refused")


def test_drawings_stand_within_html_without_what_would_run_or_ask():
    hostile = "<use href='https://e.example#a'/><use href='#g'/><set onbegin=x to=y /><a href="
    hostile += "'javascript:x'>t</a><rect fill='url(https://e.example)'/><rect fill='url(#g)'/>"
    made = box(SVG.format(hostile))
    assert made.svg["viewbox"] == "0 0 4 4"
    assert [one.get("href") for one in made.select("use")] == ["#g"]
    assert made.select_one("svg + .refused").text.startswith("[drawing: https://e.example#a; it is")
    assert [one.get("fill") for one in made.select("rect")] == [None, "url(#g)"]
    assert made.find("lineargradient") is not None
    assert not made.select("set, a[href]")
    plain = soup(shown({"image/svg+xml": "<svg><path/></svg>"})).img["src"]
    assert b'xmlns="http://www.w3.org/2000/svg"' in base64.b64decode(plain.split(",")[1])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<div id=c></div><script>c.textContent='CHART'</script>", "drawn by a script,"),
        ("<div id=c></div><script src=https://e.example/bokeh.js></script>", "script of Bokeh"),
        ("<div id=altair-viz-1></div><script>vegaEmbed(x)</script>", "of Altair"),
        ("<p>text</p><script>copy()</script>", "does not run on this page"),
        ("<script>never closed", "drawn by a script"),
        ("<iframe srcdoc='<script src=leaflet.js></script>'></iframe>", "A frame of folium"),
        ("<iframe src=https://e.example/x></iframe>", "A frame of https://e.example/x"),
        ("<object data=https://e.example/y></object>", "A frame of https://e.example/y"),
        ("<video src=https://e.example/v.mp4></video>", "A video (https://e.example/v.mp4)"),
        ("<audio><source src=a.wav></audio>", "A sound (a.wav)"),
        ("<img src=https://e.example/i.png alt=law>", "picture: “law”, https://e.example/i.png"),
        ("<style>.container{width:99%}</style>", "nothing to see"),
        ("<link rel=stylesheet href=https://e.example><p>x</p>", "A style sheet from elsewhere"),
        (SVG.format("<foreignObject><p>x</p></foreignObject>"), "Words within this drawing"),
    ],
)
def test_what_a_page_cannot_show_is_one_sentence(source, words):
    made = soup(shown({"text/html": source, "text/plain": "<IPython.core.display.HTML object>"}))
    (note,) = made.select(".refused")
    assert words in note.text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<script src=https://e.example/bokeh.js></script>", "A script of Bokeh stands here"),
        ("a <script>x</script> b", "A script stands here"),
        ("<iframe src=https://e.example/x></iframe>", "A frame of https://e.example/x"),
        ("<iframe src=own.html>", "A frame of own.html"),
        ("<object data='own.pdf'><p>x</p></object>", "A frame of own.pdf"),
        ("a <embed src=own.pdf> b", "A frame of own.pdf"),
        ("<video src=own.mp4 controls></video>", "A video (own.mp4)"),
        ("a <audio><source src=own.wav></audio> b", "A sound (own.wav)"),
        ("<form action=https://e.example><input name=a> text</form>", "A form stands here"),
        ("a <canvas id=c></canvas> b", "An element `canvas`"),
        ("<model-viewer src=x>x</model-viewer>", "An element `model-viewer`"),
        ("<style>h1 {color: red}</style>", "A style for the notebook"),
        ("<link rel=stylesheet href=https://e.example>", "A style for the notebook"),
        (SVG.format("<foreignObject><p>x</p></foreignObject>"), "Words within this drawing"),
        ("| a |\n|---|\n| <iframe src=own.html></iframe> |", "A frame of own.html"),
    ],
)
def test_what_a_text_cannot_show_is_one_sentence(source, words):
    (note,) = soup(new_markdown_cell(source)).select(".refused")
    assert words in note.text
    (note,) = soup(shown({"text/markdown": source})).select(".refused")
    assert words in note.text


def test_marks_within_code_and_media_with_their_data_need_no_sentence():
    video = "<video controls src='data:video/mp4;base64,AAAA'></video>"
    texts = ["`<iframe>`", "```html\n<script>1</script>\n```", "    <form>", video, "<!-- no -->"]
    made = soup(new_markdown_cell("\n\n".join(texts)))
    assert not made.select(".refused")
    assert made.video["src"].startswith("data:")
    assert [code.text.strip() for code in made.select(".prose :is(code, pre)")] == [
        "<iframe>",
        "<script>1</script>",
        "<form>",
        "<form>",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "<!-- <script>x</script> --><p>x</p>",
        "<p title='<script>'>x</p>",
        "<video controls><source src='data:video/mp4;base64,AAAA'></video>",
        "<audio src='data:audio/wav;base64,AAAA' controls></audio>",
        f"<img src='data:image/png;base64,{PNG}'>",
        "<details open><summary>a</summary>b</details>",
        "<input type=checkbox id=c checked><label for=c>fold</label>",
        "<select><option>one<option selected>two</select>",
        "",
    ],
)
def test_what_a_page_shows_needs_no_sentence(source):
    made = box(source)
    assert not made.select(".refused")
    for tag in ("video", "source", "audio", "img"):
        assert all(one["src"].startswith("data:") for one in made.select(f"{tag}[src]"))
    assert not source or made.find(True)


@pytest.mark.parametrize(
    ("bundle", "words"),
    [
        ({"application/vnd.vegalite.v5+json": {}, "text/plain": "alt.Chart(...)"}, "of Altair"),
        ({"application/vnd.bokehjs_exec.v0+json": ""}, "of Bokeh"),
        ({"application/javascript": "alert(1)"}, "application/javascript"),
        ({"application/pdf": "JVBERi0="}, "cannot show: application/pdf"),
        ({"application/x-unknown": "?", "text/plain": "yes"}, "cannot show: application/x-unknown"),
        ({VIEW: {"model_id": "gone"}, "text/plain": "bar 100%"}, "was not saved"),
    ],
)
def test_an_output_of_another_kind_is_named(bundle, words):
    made = soup(shown(bundle))
    (note,) = made.select(".refused")
    assert words in note.text
    text = bundle.get("text/plain", "").replace("alt.Chart(...)", "")
    assert [p.text for p in made.select(".output pre")] == [text] * bool(text)


def test_pictures_have_the_size_and_the_paper_they_were_made_for():
    cell = shown({"image/png": PNG}, {"image/gif": PNG, "text/plain": "x"}, {"video/mp4": "AAAA"})
    cell.outputs[0].metadata = {"image/png": {"width": 30, "height": 9, "alt": "a law"}}
    cell.outputs[1].metadata = {"needs_background": "light"}
    made = soup(cell)
    png, gif = made.select("img")
    assert (png["width"], png["height"], png["alt"]) == ("30", "9", "a law")
    assert gif["src"].startswith("data:image/gif;base64,")
    assert gif["class"] == ["on-light"]
    assert made.video["src"] == "data:video/mp4;base64,AAAA"


def model(name, state, module="@jupyter-widgets/controls", **more):
    return {"model_name": f"{name}Model", "model_module": module, "state": state, **more}


def viewed(name, widgets):
    return soup(shown({VIEW: {"model_id": name}, "text/plain": "first"}), widgets=widgets)


def test_a_progress_bar_is_told_as_it_ended():
    made = viewed("box", {
        "box": model("HBox", {"children": ["IPY_MODEL_a", "IPY_MODEL_b", "IPY_MODEL_c"]}),
        "a": model("HTML", {"value": "epochs:&nbsp;100%"}),
        "b": model("FloatProgress", {"value": 7.0, "min": 0, "max": 7.0}),
        "c": model("HTML", {"value": " 7/7 [00:01&lt;00:00]"}),
    })  # fmt: skip
    assert made.select_one(".output pre").text == f"epochs: 100% |{'█' * 20}| 7/7 [00:01<00:00]"
    hidden = {
        "b": model("IntProgress", {"value": 3, "max": 4, "layout": "IPY_MODEL_l"}),
        "l": model("Layout", {"display": "none"}),
    }
    assert not viewed("b", hidden).select(".output pre, .refused")


def test_widgets_are_told_by_their_last_values_and_what_they_captured():
    captured = [
        new_output("stream", name="stdout", text="said\n"),
        new_output("display_data", {"text/html": "<em>shown</em>"}),
    ]
    names = ["n", "p", "o", "d", "i", "w", "box"]
    made = viewed("box", {
        "box": model("VBox", {"children": [f"IPY_MODEL_{n}" for n in names]}),
        "n": model("IntSlider", {"description": "n", "value": 7}),
        "p": model("Dropdown", {"description": "pick:", "_options_labels": ["a", "b"], "index": 1}),
        "o": model("Output", {"outputs": captured}, "@jupyter-widgets/output"),
        "d": model("Button", {"description": "Go"}),
        "i": model("Image", {"format": "png"}, buffers=[{"path": ["value"], "data": PNG}]),
        "w": model("Any", {"_anywidget_id": "lib.Plot", "value": 3}, "anywidget"),
    })  # fmt: skip
    assert [p.text for p in made.select(".output pre")] == ["n: 7\npick: b", "said", "[Go]"]
    assert made.em.text == "shown"
    assert made.img["src"].endswith(PNG)
    assert "lib.Plot" in made.select_one(".refused").text


@pytest.mark.parametrize(
    "state",
    [
        {"children": [1, None]},
        {"_options_labels": None, "index": "x"},
        {"_options_labels": ["a"], "index": ["x"]},
        {"value": {"a": 1}, "layout": 3},
        {"outputs": [3]},
        {"children": ["IPY_MODEL_w"]},
        None,
    ],
)
def test_a_state_of_another_form_ends_no_page(state):
    assert viewed("w", {"w": model("Select", state)}) is not None


def test_a_figure_widget_is_a_figure():
    data = np.array([1.0, 3.0, 2.0])
    state = {
        "_widget_data": [{"type": "scatter", "y": {"dtype": "float64", "shape": [3]}}],
        "_widget_layout": {"title": {"text": "law"}},
    }
    packed = base64.b64encode(data.tobytes()).decode()
    buffers = [{"path": ["_widget_data", 0, "y", "buffer"], "data": packed, "encoding": "base64"}]
    made = viewed("f", {"f": model("Any", state, "anywidget", buffers=buffers)})
    figure = json.loads(made.select_one("figure script").string)
    assert figure["layout"] == state["_widget_layout"]
    assert figure["data"][0]["y"] == {"dtype": "f8", "bdata": packed}


def test_a_figure_that_plotly_wrote_as_html_is_a_figure():
    source = go.Figure(go.Bar(y=[1, 3])).to_html(include_plotlyjs="cdn", full_html=False)
    loader = "<script>window.PlotlyConfig = {}</script>"
    made = soup(shown({"text/html": loader}, {"text/html": source}))
    assert json.loads(made.select_one("figure script").string)["data"][0]["y"] == [1, 3]
    assert not made.select(".refused")


def test_markdown_keeps_its_marks():
    text = "H<sub>2</sub>O<br><kbd>Ctrl</kbd> <span style='color:red'>r</span><!-- no --> <u>u</u>"
    text += "\n\n<details><summary>s</summary>\n\n**b**\n\n</details>\n\n"
    text += "<table><tr><td colspan=2>c</table>"
    made = soup(new_markdown_cell(text), folder="/nonexistent")
    assert made.sub.text == "2"
    assert made.p.text.startswith("H2O")
    assert made.details.strong.text == "b"
    assert made.span["style"] == "color:red"
    assert made.td["colspan"] == "2"
    assert all(made.find(tag) for tag in ("br", "kbd", "u", "summary"))
    assert "no" not in made.p.text


def test_pictures_in_outputs_are_taken_in_and_no_link_leads_out(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "a b.png").write_bytes(base64.b64decode(PNG))
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "text.txt").write_text("secret")
    names = ("a%20b.png", "link.png", "../secret.png", "text.txt", f"{tmp_path}/secret.png")
    source = "".join(f"<img src='{name}'>" for name in names)
    made = soup(shown({"text/html": source}), folder=str(folder))
    assert [i["src"] for i in made.select("img")] == [f"data:image/png;base64,{PNG}"]
    assert len(made.select(".refused")) == len(names) - 1


REMOTE = "https://e.example/x.png"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (SVG.format(f"<image href='{REMOTE}'/>"), f"[picture: {REMOTE};"),
        (SVG.format(f"<g><image xlink:href={REMOTE}></image></g>"), f"[picture: {REMOTE};"),
        (SVG.format(f"<filter><feImage href='{REMOTE}'/></filter>"), f"[picture: {REMOTE};"),
        (SVG.format(f"<svg><image href='{REMOTE}'/></svg><rect/>"), f"[picture: {REMOTE};"),
        (SVG.format("<use href='other.svg#a'/>"), "[drawing: other.svg#a;"),
        (SVG.format("<image href='../x.png'/>"), "[picture: ../x.png;"),
        (SVG.format("<image href='file:///x.png'/>"), "[picture: file:///x.png;"),
        (f"<image src='{REMOTE}'>", f"[picture: {REMOTE};"),
        (f"<input type=image src='{REMOTE}'>", f"[picture: {REMOTE};"),
        (f"<INPUT src='{REMOTE}' TYPE=' Image ' alt=go>", f"[picture: “go”, {REMOTE};"),
        ("<input type=image>", "[picture: one without an address;"),
        (f"<noscript><img src='{REMOTE}'></noscript>", f"[picture: {REMOTE};"),
        (f"<img src='{'x' * 10**6}'>", f"[picture: {'x' * 297}...;"),
    ],
)
def test_every_picture_that_the_page_cannot_have_is_named(source, named):
    """Also in Markdown, and after the drawing: within it HTML would end the drawing."""
    in_prose = BeautifulSoup(markdown(source), "html.parser")
    for made in (box(source), in_prose):
        (note,) = made.select(".refused")
        assert note.text == f"{named} it is not part of this page]"
        assert not made.select("svg .refused")
        assert not made.select("image, use, input")
        assert "https" not in str(made).replace(note.text, "")


def test_a_drawing_of_its_own_names_the_pictures_that_it_cannot_load(tmp_path):
    (tmp_path / "dot.png").write_bytes(base64.b64decode(PNG))
    text = SVG.format(f"<image href='{REMOTE}'/><image href='dot.png'/>")
    text += "</span><script>alert(1)</script>"
    made = soup(shown({"image/svg+xml": text}), folder=str(tmp_path))
    assert made.select_one("img + .refused").text.startswith(f"[picture: {REMOTE};")
    drawing = base64.b64decode(made.img["src"].split(",")[1]).decode()
    assert f'href="data:image/png;base64,{PNG}"' in drawing
    assert REMOTE not in drawing
    assert len(made.select(".refused")) == 1
    assert "alert" not in str(made.select_one(".output")).replace(made.img["src"], "")


@pytest.mark.parametrize(
    "source",
    [
        SVG.format("<use href='#g'/><image/><use/>"),
        "<p title=\"<img src='x.png'>\">a</p>",
        "<input type=text value='image'>",
        "<pre>&lt;image href=x&gt;</pre>",
    ],
)
def test_what_is_no_picture_from_elsewhere_is_left_as_it_is(source):
    assert not box(source).select(".refused")


def test_pictures_of_drawings_and_buttons_are_embedded(tmp_path):
    (tmp_path / "a b.png").write_bytes(base64.b64decode(PNG))
    source = "<input type=image src='a%20b.png' alt=go>" + SVG.format("<image href='a%20b.png'/>")
    made = soup(shown({"text/html": source}), folder=str(tmp_path))
    data = f"data:image/png;base64,{PNG}"
    assert (made.img["src"], made.img["alt"], made.image["href"]) == (data, "go", data)
    assert not made.select(".refused")
