import base64

from bs4 import BeautifulSoup
from IPython.core.formatters import DisplayFormatter

from widgets.panel.download import Download


def test_a_kernel_sends_the_text_its_name_and_a_link():
    data, metadata = DisplayFormatter().format(Download("a&b.csv", "x,y\nä,1\n"))
    assert data["text/csv"] == "x,y\nä,1\n"
    assert metadata["text/csv"] == {"name": "a&b.csv"}
    link = BeautifulSoup(data["text/html"], "html.parser").a
    assert (link["download"], link.text) == ("a&b.csv", "a&b.csv")
    assert base64.b64decode(link["href"].split(",")[1]).decode() == "x,y\nä,1\n"
    assert "(9 bytes)" in data["text/html"]
