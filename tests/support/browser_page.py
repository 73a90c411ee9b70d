"""A page opened from disk as a reader would, and all that went wrong or out."""

import contextlib
from typing import NamedTuple

from playwright.sync_api import Page

OWN = ("file:", "data:", "blob:")


class Opened(NamedTuple):
    """What a reader has before them.

    Attributes:
        page: playwright's page.
        left: addresses outside the file that something asked for.
        errors: what the console or a script complained of.
        dialogs: what popped up; only a script that ran can do that.
    """

    page: Page
    left: list
    errors: list
    dialogs: list


@contextlib.contextmanager
def opened(browser, path, *, width=1280, height=900, **options):
    """Opens the file; the network is blocked and every attempt to use it kept."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    seen = Opened(context.new_page(), [], [], [])
    page = seen.page

    def admit(route):
        if route.request.url.startswith(OWN):
            route.continue_()
        else:
            seen.left.append(route.request.url)
            route.abort()

    def dismissed(dialog):
        seen.dialogs.append(dialog.message)
        dialog.dismiss()

    context.route("**/*", admit)
    page.on("request", lambda r: None if r.url.startswith(OWN) else seen.left.append(r.url))
    page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: seen.errors.append(str(e)))
    page.on("dialog", dismissed)
    page.goto(path.resolve().as_uri())
    yield seen
    context.close()
