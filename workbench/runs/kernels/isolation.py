"""Kernel isolation: from the current folder's modules, other users, and processes left behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import default

from workbench.runs.kernels import ipykernel_launcher
from workbench.runs.reaper import marks, note_session, reap, watch

_NUMBERS = itertools.count(1)


class IsolatedProvisioner(LocalProvisioner):
    """Starts a kernel that imports installed modules before those of its folder.

    Processes that cells have started are killed when the kernel ends.
    """

    mark = ""
    note: Path | None = None
    descendants: frozenset[psutil.Process] = frozenset()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """The command and the environment of the kernel."""
        launch = await super().pre_launch(**kwargs)
        owner = watch().name
        self.mark = f"{owner}.{os.getpid()}-{next(_NUMBERS)}"
        environment = launch["env"] | marks(launch["env"], owner, self.mark)
        return {**launch, "cmd": isolated_command(launch["cmd"]), "env": environment}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Starts the kernel by this command in a new session; returns its connection."""
        connection = await self.begin(cmd, **kwargs)
        self.note = note_session(self.pid)
        return connection

    async def begin(self, cmd: list[str], **kwargs: Any) -> Any:
        """Starts the kernel."""
        return await super().launch_kernel(cmd, **kwargs)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Records the kernel's descendants before it ends."""
        self._record_descendants()
        await super().shutdown_requested(restart)

    async def kill(self, restart: bool = False) -> None:
        """Kills the kernel."""
        self._record_descendants()
        await super().kill(restart)

    def _record_descendants(self) -> None:
        # Added to those known before: a kernel that has just ended has none any more.
        with contextlib.suppress(psutil.Error):
            self.descendants |= set(psutil.Process(self.pid).children(recursive=True))

    async def cleanup(self, restart: bool = False) -> None:
        """Kills the processes that the kernel, which has ended, has left running."""
        await super().cleanup(restart)
        if self.note:
            for process in self.descendants:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            reap([self.mark], [self.pid])
            self.note.unlink(missing_ok=True)
            self.note = None


class Isolated(KernelManager):
    """Mixin for kernel managers: uses `IsolatedProvisioner`, and encryption where supported.

    Any user of the machine can connect to a kernel's ports; encryption protects what is sent.
    """

    @default("transport_encryption")
    def _transport_encryption_default(self) -> str:
        return "auto"

    async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
        if not self.connection_file:
            self.connection_file = str(watch() / f"kernel-{uuid.uuid4()}.json")
        if self.provisioner is None and "kernel_provisioner" not in self.kernel_spec.metadata:
            self.provisioner = self.new_provisioner()
        return await super()._async_pre_start_kernel(**kwargs)

    def new_provisioner(self) -> IsolatedProvisioner:
        """The provisioner of a new kernel."""
        return IsolatedProvisioner(kernel_spec=self.kernel_spec, parent=self)


def isolated_command(words: list[str]) -> list[str]:
    """A kernel's command, changed so that no module of the current folder shadows an installed one.

    Args:
        words: the command; the command of another interpreter is returned unchanged.
    """
    if not words or os.path.realpath(words[0]) != os.path.realpath(sys.executable):
        return words
    rest = words[1:]
    if "ipykernel_launcher" in rest and rest[place := rest.index("ipykernel_launcher") - 1] == "-m":
        rest[place : place + 2] = [ipykernel_launcher.__file__]
    return [words[0], *(["-P"] if "-P" not in rest else []), *rest]
