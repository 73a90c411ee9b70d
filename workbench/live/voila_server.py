"""Voila for one notebook, on 127.0.0.1 and with a token; a program of its own."""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
import os
import sys
import tempfile
import time
from contextvars import ContextVar
from typing import Any

from jupyter_core.paths import jupyter_config_path
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import IOLoop
from tornado.web import HTTPError
from traitlets import default
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.handler import TornadoVoilaHandler

from workbench.live.servers import TOKEN
from workbench.runs.reaper import watch

# The browser refuses every request of a page to another machine.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'"
)
# Seconds that a kernel lives without a page, and between two checks. Within the first, a browser
# must connect to the kernel of a page that it has loaded.
PATIENCE_SECONDS, CHECK_SECONDS = 40, 5
# Seconds between two polls for a kernel that is about to end.
_POLL_SECONDS = 0.05
_PAGE: ContextVar[Any] = ContextVar("page", default=None)


class PageKernels(AsyncMappingKernelManager):
    """A kernel for every open page, up to a number of them; each ends with its page.

    Attributes:
        most: largest number of kernels at the same time.
    """

    most = 1

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        # By kernel: the request that loads its page, and when it last had a page.
        self._loading: dict[str, Any] = {}
        self._seen: dict[str, float] = {}
        self._ending: set[str] = set()

    @default("kernel_manager_class")
    def _default_kernel_manager_class(self) -> str:
        return "workbench.live.server_kernel.ServerKernel"

    @default("cull_interval")
    def _default_cull_interval(self) -> int:
        return CHECK_SECONDS

    @default("cull_idle_timeout")
    def _default_cull_idle_timeout(self) -> int:
        return PATIENCE_SECONDS

    def cwd_for_path(self, path: Any, **kwargs: Any) -> str:
        """Kernels start in the directory of the command, as those of runs do."""
        return os.getcwd()

    async def _async_start_kernel(self, **kwargs: Any) -> str:
        # A page that is loaded again has just left a kernel.
        while self._is_full() and self._ending:
            await asyncio.sleep(_POLL_SECONDS)
        if self._is_full():
            raise HTTPError(503)
        name = await super()._async_start_kernel(**kwargs)
        self._loading[name], self._seen[name] = _PAGE.get(), time.monotonic()
        self._print_count()
        return name

    start_kernel = _async_start_kernel

    def _is_full(self) -> bool:
        return len({*self._kernels, *self._pending_kernels}) >= self.most

    async def shutdown_kernel(self, kernel_id: str, *args: Any, **kwargs: Any) -> None:
        """Ends a kernel and what it has started."""
        if kernel_id in self._kernels and kernel_id not in self._ending:
            self._ending.add(kernel_id)
            try:
                await super()._async_shutdown_kernel(kernel_id, *args, **kwargs)
            finally:
                self._ending.discard(kernel_id)

    def remove_kernel(self, kernel_id: str) -> Any:
        """Removes a kernel that has ended."""
        removed = super().remove_kernel(kernel_id)
        self._loading.pop(kernel_id, None)
        if self._seen.pop(kernel_id, None) is not None:
            self._print_count()
        return removed

    def _handle_kernel_died(self, kernel_id: str) -> None:
        _print("the kernel of a page has died")
        # It is still to be removed, with what it has started.
        IOLoop.current().add_callback(self.shutdown_kernel, kernel_id, now=True)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """Ends a kernel, idle or not, that has had no page for a while."""
        if self._has_page(kernel_id):
            self._seen[kernel_id] = time.monotonic()
        elif time.monotonic() - self._seen.get(kernel_id, 0.0) > self.cull_idle_timeout:
            await self.shutdown_kernel(kernel_id)

    def _has_page(self, kernel_id: str) -> bool:
        """Whether a page is connected to the kernel, or still being loaded."""
        page = self._loading.get(kernel_id)
        is_loading = page is not None and not page.is_closed and not page._finished
        return is_loading or self._kernel_connections.get(kernel_id, 0) > 0

    def _print_count(self) -> None:
        _print(f"pages with a kernel: {len(self._kernels)} of {self.most}")


def _print(text: str) -> None:
    with contextlib.suppress(OSError):  # the reader of the output may have closed it
        print(text, flush=True)


class PageHandler(TornadoVoilaHandler):
    """Sends the page; the kernel that it starts knows the request."""

    is_closed = False

    async def get(self, path: str | None = None) -> None:
        """Starts a kernel, executes the notebook and sends the page."""
        _PAGE.set(self)
        await super().get(path)

    def on_connection_close(self) -> None:
        """Records that the browser no longer waits for the page."""
        self.is_closed = True

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Sends, where no kernel is free, a page that loads itself again."""
        if status_code != 503:
            super().write_error(status_code, **kwargs)
            return
        most = PageKernels.most
        pages = "The only page is open" if most == 1 else f"All {most} pages are open"
        self.finish(
            '<!doctype html><html lang="en"><meta http-equiv="refresh" content="5">'
            "<title>Waiting for a kernel</title>"
            f"<p>{html.escape(pages)} for which this server has kernels. "
            "This page loads as soon as one is closed. "
            "<code>workbench serve --kernels</code> sets their number.</p></html>"
        )


class ShutdownHandler(VoilaShutdownKernelHandler):
    """Ends the kernel of a page that is closed."""

    def check_xsrf_cookie(self) -> None:
        """Admits the browser's beacon, which cannot send the cookie's value in a header.

        Another site would have to know the kernel's random identifier.
        """


class Server(Voila):
    """Voila whose kernels end with their pages, and which reads no file in the current folder."""

    @default("config_file_paths")
    def _config_file_paths_default(self) -> list[str]:
        return jupyter_config_path()

    def init_settings(self) -> dict[str, Any]:
        """Voila's settings with kernels of this kind."""
        self.voila_configuration.multi_kernel_manager_class = PageKernels
        return super().init_settings()

    def init_handlers(self) -> list[Any]:
        """Voila's handlers with those of this module in their places."""
        ours = {
            TornadoVoilaHandler: PageHandler,
            VoilaShutdownKernelHandler: ShutdownHandler,
        }
        return [
            (pattern, ours.get(handler, handler), *more)
            for pattern, handler, *more in super().init_handlers()
        ]

    def start(self) -> None:
        """Serves, and prints the address as soon as it answers."""
        IOLoop.current().add_callback(self._print_address)
        super().start()

    def _print_address(self) -> None:
        _print(f"http://{self.ip}:{self.port}/?token={self.token}")
        _print(f"at most {PageKernels.most} open pages; Ctrl-C ends the server")


def main(notebook: str, port: str, kernels: str, *words: str) -> None:
    """Serves the notebook until the process ends.

    Raises:
        KeyError: if no token came in the environment; without one nothing is served.
    """
    # Kernels must not inherit it.
    token = os.environ.pop(TOKEN)
    PageKernels.most = int(kernels)
    # Voila leaves a file with the address and the token there, from which the browser opens it.
    tempfile.tempdir = str(watch())
    logging.getLogger("tornado").setLevel(logging.ERROR)
    Server.launch_instance(
        # A kernel that has died is not restarted: its widgets are gone.
        [notebook, "--template=workbench", "--KernelRestarter.restart_limit=0", *words],
        ip="127.0.0.1",
        port=int(port),
        port_retries=0,
        token=token,
        log_level=logging.ERROR,
        tornado_settings={
            "headers": {"Content-Security-Policy": POLICY},
            # Errors have tracebacks; a line for every request would hide them.
            "log_function": lambda handler: None,
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
