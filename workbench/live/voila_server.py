"""Voila for one notebook, on 127.0.0.1 and with a token, in a process of its own."""

from __future__ import annotations

import contextlib
import html
import os
import sys
import time
from contextvars import ContextVar
from typing import Any

from jupyter_core.paths import jupyter_config_path
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import default
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler

from workbench.live.servers import TOKEN
from workbench.runs.reaper import watch

# The browser itself refuses whatever a page would ask another machine for.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'"
)
# How long a kernel without a page lives, and how often one looks. A page that is being loaded has
# this long to connect to its kernel.
PATIENCE_SECONDS, LOOK_SECONDS = 40, 5
_PAGE: ContextVar[Any] = ContextVar("page", default=None)


class PageKernels(AsyncMappingKernelManager):
    """A kernel for every open page, up to a number of them; a kernel ends soon after its page.

    Attributes:
        most: how many kernels there may be at the same time.
    """

    most = 1

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        # By kernel, the request that loads its page, and when it was last seen to have a page.
        self._loading: dict[str, Any] = {}
        self._seen: dict[str, float] = {}

    @default("kernel_manager_class")
    def _default_kernel_manager_class(self) -> str:
        return "workbench.live.server_kernel.ServerKernel"

    @default("cull_interval")
    def _default_cull_interval(self) -> int:
        return LOOK_SECONDS

    @default("cull_idle_timeout")
    def _default_cull_idle_timeout(self) -> int:
        return PATIENCE_SECONDS

    def cwd_for_path(self, path: Any, **kwargs: Any) -> str:
        """Kernels begin where the command was given, as those of runs do."""
        return os.getcwd()

    async def _async_start_kernel(self, **kwargs: Any) -> str:
        if len({*self._kernels, *self._pending_kernels}) >= self.most:
            raise HTTPError(503, f"as many pages are open as there may be ({self.most})")
        name = await super()._async_start_kernel(**kwargs)
        self._loading[name], self._seen[name] = _PAGE.get(), time.monotonic()
        self._tell()
        return name

    start_kernel = _async_start_kernel

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forgets a kernel that has ended."""
        removed = super().remove_kernel(kernel_id)
        self._loading.pop(kernel_id, None)
        self._seen.pop(kernel_id, None)
        self._tell()
        return removed

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """Ends a kernel, also a busy one, that has had no page for a while."""
        if self._has_page(kernel_id):
            self._seen[kernel_id] = time.monotonic()
        elif time.monotonic() - self._seen.get(kernel_id, 0.0) > self.cull_idle_timeout:
            await self.shutdown_kernel(kernel_id)

    def _has_page(self, kernel_id: str) -> bool:
        """Whether a page is connected to the kernel, or still being loaded."""
        page = self._loading.get(kernel_id)
        is_loading = page is not None and not page.is_left and not page._finished
        return is_loading or self._kernel_connections.get(kernel_id, 0) > 0

    def _tell(self) -> None:
        with contextlib.suppress(OSError):  # whoever started it may have closed its output
            print(f"pages with a kernel: {len(self._kernels)} of {self.most}", flush=True)


class PageHandler(TornadoVoilaHandler):
    """A request for the page, known to the kernel that it starts."""

    is_left = False

    async def get(self, path: str | None = None) -> None:
        """Starts a kernel, executes the notebook and sends the page."""
        _PAGE.set(self)
        await super().get(path)

    def on_connection_close(self) -> None:
        """Notes that nobody waits for the page any more."""
        self.is_left = True

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Says in one sentence why there is no page."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if status_code != 503 or not isinstance(error, HTTPError):
            super().write_error(status_code, **kwargs)
            return
        sentence = f"This page must wait: {error.log_message}. Close one, and load it again."
        more = "<code>workbench serve --kernels</code> admits more."
        self.finish(
            f"<!doctype html><title>Too many pages</title><p>{html.escape(sentence)} {more}"
        )


class Server(Voila):
    """Voila whose kernels end with their pages, and which reads nothing in the current folder."""

    @default("config_file_paths")
    def _config_file_paths_default(self) -> list[str]:
        return jupyter_config_path()

    @default("connection_dir_root")
    def _default_connection_dir(self) -> str:
        return str(watch())

    def init_settings(self) -> dict[str, Any]:
        """Voila's settings with kernels of this kind."""
        self.voila_configuration.multi_kernel_manager_class = PageKernels
        return super().init_settings()

    def init_handlers(self) -> list[Any]:
        """Voila's handlers with this one for the page."""
        return [
            (pattern, PageHandler if handler is TornadoVoilaHandler else handler, *more)
            for pattern, handler, *more in super().init_handlers()
        ]


def main(notebook: str, port: str, kernels: str, *words: str) -> None:
    """Serves the notebook until the process ends.

    Raises:
        KeyError: if no token came in the environment; without one nothing is served.
    """
    # Taken out, so that kernels do not inherit it.
    token = os.environ.pop(TOKEN)
    PageKernels.most = int(kernels)
    Server.launch_instance(
        [notebook, "--template=workbench", *words],
        ip="127.0.0.1",
        port=int(port),
        port_retries=0,
        token=token,
        tornado_settings={"headers": {"Content-Security-Policy": POLICY}},
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
