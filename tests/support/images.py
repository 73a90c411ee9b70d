"""Takes the pictures of the README: a page's verdicts, and its main figure.

python tests/support/images.py PAGE.html FOLDER
"""

import sys
from pathlib import Path

from browser import chromium


def take(page_file, folder):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1180, "height": 780})
        page.goto(Path(page_file).resolve().as_uri())
        page.wait_for_function("() => document.querySelector('.js-plotly-plot .main-svg')")
        page.screenshot(path=Path(folder) / "verdicts.png")
        page.locator("figure").first.evaluate("f => f.scrollIntoView({block: 'end'})")
        page.wait_for_timeout(500)
        page.screenshot(path=Path(folder) / "figure.png")


if __name__ == "__main__":
    take(*sys.argv[1:])
