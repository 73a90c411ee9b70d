"""A process that has loaded what every kernel loads, and becomes a kernel by a fork.

A kernel of its own takes most of a second to load IPython; a fork of this process takes a tenth.
It loads nothing that an experiment uses, starts no thread and opens no socket, so there is nothing
that a fork could break: CUDA, NumPy's threads and ZeroMQ come into being in the kernel alone.
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

# What ipykernel loads only when its kernel begins.
_LATE = (
    *("ipykernel.debugger", "ipykernel.displayhook", "ipykernel.iostream", "ipykernel.ipkernel"),
    *("IPython.core.completerlib", "IPython.core.debugger", "IPython.extensions.storemagic"),
    *("IPython.core.oinspect", "sqlite3", "tornado.platform.asyncio", "comm"),
)
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def main(handle: int) -> None:
    """Forks a kernel for every request on the connection, and tells when one has ended.

    A request is a mapping with `argv`, `cwd` and `env`; the answers are `("begun", pid)` at once,
    `("ready", pid)` when the kernel listens, and `("ended", pid, status)`. It ends with the
    connection, and with the process that started it; its kernels end with it.
    """
    _die_with_parent(os.getppid())
    # What reaches every process of a terminal is for the one that started us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    before = dict(os.environ)
    _load()
    # Some libraries leave a mark there when they are loaded.
    marks = {k: v for k, v in os.environ.items() if before.get(k) != v}
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
            request["env"] |= marks
            parent, kernel = os.getpid(), os.fork()
            if kernel == 0:
                _become(request, connection, list(kernels), parent)
            kernels[os.pidfd_open(kernel)] = kernel
            connection.send(("begun", kernel))


def _load() -> None:
    for name in ("ipykernel.kernelapp", *_LATE):
        importlib.import_module(name)
    # What is here stays; a kernel's collector need not look at it, nor copy its pages.
    gc.collect()
    gc.freeze()


def _become(
    request: dict[str, Any], connection: Connection, handles: list[int], parent: int
) -> None:
    """Turns the forked process into a kernel; never returns."""
    status = 1
    try:
        _die_with_parent(parent)
        os.setsid()
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
        _leave(status)


def _serve(argv: list[str], connection: Connection, parent: int) -> None:
    from ipykernel.kernelapp import IPKernelApp

    # As `ipykernel_launcher`, beside this file, has it.
    IPKernelApp.init_path = lambda _: sys.path.append("")
    app = IPKernelApp.instance(parent_handle=parent)
    app.initialize(argv)
    connection.send(("ready", os.getpid()))
    connection.close()
    app.start()


def _leave(status: int) -> None:
    """Ends as an interpreter does: threads that are no daemons, then what wants to be called."""
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
