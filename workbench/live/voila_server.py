"""Voila for one notebook, on 127.0.0.1 and with a token, in a process of its own."""

from __future__ import annotations

import os
import sys

TOKEN = "WORKBENCH_SERVE_TOKEN"
# The browser itself refuses whatever a page would ask another machine for.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'"
)


def main(notebook: str, port: str, *words: str) -> None:
    """Serves the notebook until the process ends.

    Raises:
        KeyError: if no token came in the environment; without one nothing is served.
    """
    # Taken out, so that kernels do not inherit it.
    token = os.environ.pop(TOKEN)
    from voila.app import Voila

    Voila.launch_instance(
        [notebook, "--template=workbench", *words],
        ip="127.0.0.1",
        port=int(port),
        port_retries=0,
        token=token,
        tornado_settings={"headers": {"Content-Security-Policy": POLICY}},
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
