"""The template process: it loads IPython once and forks a kernel for each request.

A new kernel process takes most of a second to load IPython; a fork of this process takes a tenth.
The template loads no library that an experiment uses, starts no thread and opens no socket, so that
forking is safe: CUDA, NumPy's threads and ZeroMQ are initialised in the kernel alone.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection, wait
from typing import Any

# Modules that ipykernel imports only when its kernel starts.
_LAZY_IMPORTS = (
    *("ipykernel.debugger", "ipykernel.displayhook", "ipykernel.iostream", "ipykernel.ipkernel"),
    *("IPython.core.completerlib", "IPython.core.debugger", "IPython.extensions.storemagic"),
    *("IPython.core.oinspect", "sqlite3", "tornado.platform.asyncio", "comm"),
)
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux
_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER, as `ipykernel_launcher`, beside this file, has it


def main(handle: int) -> None:
    """Forks a kernel for every request on the connection, and reports the end of each.

    A request is a mapping with `argv`, `cwd` and `env`. The answers are `("begun", pid)` at once,
    `("ready", pid)` when the kernel accepts connections, and `("ended", pid, status)`. The template
    ends with the connection and with its parent process; its kernels end with it.

    Args:
        handle: file descriptor of the socket to the worker.
    """
    _die_with_parent(os.getppid())
    # Ctrl-C reaches every process of the terminal; the parent process handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    before = dict(os.environ)
    _load()
    # Some libraries set variables when they are imported.
    variables = {k: v for k, v in os.environ.items() if before.get(k) != v}
    connection = Connection(handle)
    kernels: dict[int, int] = {}
    while True:
        for one in wait([connection, *kernels]):
            if one is not connection:
                kernel = kernels.pop(one)
                os.close(one)
                status = os.waitstatus_to_exitcode(os.waitpid(kernel, 0)[1])
                connection.send(("ended", kernel, status))
                continue
            request = connection.recv()
            request["env"] |= variables
            parent, kernel = os.getpid(), os.fork()
            if kernel == 0:
                _run_kernel(request, connection, list(kernels), parent)
            kernels[os.pidfd_open(kernel)] = kernel
            connection.send(("begun", kernel))


def _load() -> None:
    for name in ("ipykernel.kernelapp", *_LAZY_IMPORTS):
        importlib.import_module(name)
    # Objects loaded here stay alive; frozen, a kernel's collector does not copy their pages.
    gc.collect()
    gc.freeze()


def _run_kernel(
    request: dict[str, Any], connection: Connection, handles: list[int], parent: int
) -> None:
    """Runs a kernel in the forked process; never returns."""
    status = 1
    try:
        _die_with_parent(parent)
        os.setsid()
        ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for handle in handles:
            os.close(handle)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        sys.argv = ["ipykernel_launcher", *request["argv"]]
        _serve(request["argv"], connection, parent)
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        _exit(status)


def _serve(argv: list[str], connection: Connection, parent: int) -> None:
    from ipykernel.kernelapp import IPKernelApp

    # As in `ipykernel_launcher`.
    IPKernelApp.init_path = lambda _: sys.path.append("")
    app = IPKernelApp.instance(parent_handle=parent)
    app.initialize(argv)
    connection.send(("ready", os.getpid()))
    connection.close()
    app.start()


def _exit(status: int) -> None:
    """Exits as the interpreter does: joins threads, calls exit functions, flushes."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (EOFError, OSError):
        sys.exit()
