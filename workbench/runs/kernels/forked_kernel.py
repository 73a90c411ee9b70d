"""Kernels forked from a template process, which loads IPython once for all runs of a worker."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

from workbench.runs.kernels import ipykernel_launcher, kernel_template
from workbench.runs.kernels.isolation import IsolatedProvisioner

# Loading IPython on a busy machine takes seconds; after this time the template counts as hung.
_START_SECONDS = 120.0


class Template:
    """The process that forks kernels (`kernel_template`); the constructor starts it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            handle = theirs.fileno()
            # The option that Jupyter uses for kernels; without it their debugger warns.
            words = [sys.executable, "-P", "-Xfrozen_modules=off", kernel_template.__file__]
            how = {"pass_fds": [handle], "stdin": subprocess.DEVNULL}
            self._process = subprocess.Popen([*words, str(handle)], **how)
        self._connection = Connection(ours.detach())

    @staticmethod
    def is_possible() -> bool:
        """Whether the system supports it: Linux alone can end a process with its parent."""
        return sys.platform == "linux" and hasattr(os, "pidfd_open")

    def kernel(self, argv: list[str], cwd: str, env: dict[str, str]) -> ForkedKernel | None:
        """A new kernel that accepts connections; None if the template or the kernel has died."""
        env = {**env, "JPY_PARENT_PID": str(self._process.pid)}
        with contextlib.suppress(OSError, EOFError):
            self._connection.send({"argv": argv, "cwd": cwd, "env": env})
            # Messages about the end of earlier kernels may come first.
            while (started := self.poll(_START_SECONDS)) and started[0] != "begun":
                pass
            while started and (message := self.poll(_START_SECONDS)):
                if message == ("ready", started[1]):
                    return ForkedKernel(started[1], self)
                if message[:2] == ("ended", started[1]):
                    return None
            # A late answer would be taken for the answer to the next request.
            self.close()
        return None

    def poll(self, seconds: float | None) -> tuple[Any, ...] | None:
        """The next message, or None if none comes within `seconds`; None means no time limit."""
        return self._connection.recv() if self._connection.poll(seconds) else None

    def close(self) -> None:
        """Kills the template; its kernels die with it."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


class ForkedKernel:
    """A forked kernel with the interface of `subprocess.Popen` that jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, template: Template):
        self.pid, self._template, self._status = pid, template, None

    def poll(self) -> int | None:
        """The exit status; None while the kernel runs."""
        return self._status_within(0.0)

    def wait(self) -> int | None:
        """Waits for the end of the kernel and returns its exit status."""
        return self._status_within(None)

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the kernel has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _status_within(self, seconds: float | None) -> int | None:
        while self._status is None:
            try:
                message = self._template.poll(seconds)
            except (OSError, EOFError):  # the template has died, and its kernels with it
                self._status = -9
                break
            if message is None:
                break
            if message[:2] == ("ended", self.pid):
                self._status = message[2]
        return self._status


class ForkingProvisioner(IsolatedProvisioner):
    """Starts kernels from a template, or as jupyter_client does if that fails."""

    template: Template

    async def begin(self, cmd: list[str], **kwargs: Any) -> Any:
        """The connection to a forked kernel, which gets the arguments of this command."""
        words = cmd[cmd.index(ipykernel_launcher.__file__) + 1 :]
        cwd, env = kwargs.get("cwd") or os.getcwd(), kwargs["env"]
        kernel = self.template.kernel(words, str(cwd), dict(env))
        if kernel is None:
            return await super().begin(cmd, **kwargs)
        self.process, self.pid, self.pgid, self.cwd = kernel, kernel.pid, kernel.pid, cwd
        return self.connection_info
