"""Kernels that are forks of a template process, for the many runs of one worker."""

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

# Loading IPython on a busy machine takes seconds; whoever needs longer hangs.
_START_SECONDS = 120.0


class Template:
    """The process from which kernels fork; it starts when it is made, and loads by itself."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            handle = theirs.fileno()
            # As jupyter starts kernels; the debugger that they load would complain otherwise.
            words = [sys.executable, "-P", "-Xfrozen_modules=off", kernel_template.__file__]
            how = {"pass_fds": [handle], "stdin": subprocess.DEVNULL}
            self._process = subprocess.Popen([*words, str(handle)], **how)
        self._connection = Connection(ours.detach())

    @staticmethod
    def is_possible() -> bool:
        """Whether this system can: it takes Linux, where a process can end with its parent."""
        return sys.platform == "linux" and hasattr(os, "pidfd_open")

    def kernel(self, argv: list[str], cwd: str, env: dict[str, str]) -> ForkedKernel | None:
        """A kernel that listens already; None if the template, or the new kernel, has died."""
        env = {**env, "JPY_PARENT_PID": str(self._process.pid)}
        with contextlib.suppress(OSError, EOFError):
            self._connection.send({"argv": argv, "cwd": cwd, "env": env})
            # Kernels whose end nobody awaited may be told of first.
            while (begun := self.poll(_START_SECONDS)) and begun[0] != "begun":
                pass
            while begun and (told := self.poll(_START_SECONDS)):
                if told == ("ready", begun[1]):
                    return ForkedKernel(begun[1], self)
                if told[:2] == ("ended", begun[1]):
                    return None
            # An answer that comes too late would be taken for that of the next request.
            self.close()
        return None

    def poll(self, seconds: float | None) -> tuple[Any, ...] | None:
        """What is told within so many seconds; None waits for as long as it takes."""
        return self._connection.recv() if self._connection.poll(seconds) else None

    def close(self) -> None:
        """Ends the template and its kernels."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


class ForkedKernel:
    """A kernel's process, as jupyter_client knows processes: its template is its parent."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, template: Template):
        self.pid, self._template, self._status = pid, template, None

    def poll(self) -> int | None:
        """The exit status; None while the kernel runs."""
        return self._awaited(0.0)

    def wait(self) -> int | None:
        """The exit status, as soon as there is one."""
        return self._awaited(None)

    def send_signal(self, number: int) -> None:
        """Sends a signal to a process that may be gone."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _awaited(self, seconds: float | None) -> int | None:
        while self._status is None:
            try:
                told = self._template.poll(seconds)
            except (OSError, EOFError):  # the template died, and its kernels with it
                self._status = -9
                break
            if told is None:
                break
            if told[0] == "ended" and told[1] == self.pid:
                self._status = told[2]
        return self._status


class ForkingProvisioner(IsolatedProvisioner):
    """Begins kernels by a template where it can, else as jupyter_client does."""

    template: Template

    async def begin(self, cmd: list[str], **kwargs: Any) -> Any:
        """The connection to a kernel that this command would start."""
        words = cmd[cmd.index(ipykernel_launcher.__file__) + 1 :]
        cwd, env = kwargs.get("cwd") or os.getcwd(), kwargs["env"]
        kernel = self.template.kernel(words, str(cwd), dict(env))
        if kernel is None:
            return await super().begin(cmd, **kwargs)
        self.process, self.pid, self.pgid, self.cwd = kernel, kernel.pid, kernel.pid, cwd
        return self.connection_info
