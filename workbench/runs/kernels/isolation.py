"""Kernels apart from the folder they run in, from other users, and from what they leave behind."""

from __future__ import annotations

import itertools
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import default

from workbench.runs.kernels import ipykernel_launcher
from workbench.runs.reaper import marks, note_session, reap, watch

_NUMBERS = itertools.count(1)


class IsolatedProvisioner(LocalProvisioner):
    """Starts a kernel that finds in its folder only what is installed nowhere, and ends all of it.

    Whatever a cell has started ends with the kernel, however that ends.
    """

    mark = ""
    note: Path | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """The command and the environment of the kernel."""
        made = await super().pre_launch(**kwargs)
        owner = watch().name
        self.mark = f"{owner}.{os.getpid()}-{next(_NUMBERS)}"
        environment = made["env"] | marks(made["env"], owner, self.mark)
        return {**made, "cmd": apart(made["cmd"]), "env": environment}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """The connection to the kernel that this command starts, in a session of its own."""
        connection = await self.begin(cmd, **kwargs)
        self.note = note_session(self.pid)
        return connection

    async def begin(self, cmd: list[str], **kwargs: Any) -> Any:
        """Starts the kernel."""
        return await super().launch_kernel(cmd, **kwargs)

    async def cleanup(self, restart: bool = False) -> None:
        """Ends what the kernel, which has ended, has left."""
        await super().cleanup(restart)
        if self.note:
            reap([self.mark], [self.pid])
            self.note.unlink(missing_ok=True)
            self.note = None


class Isolated(KernelManager):
    """A manager's part that starts kernels by `IsolatedProvisioner`, encrypted where they can.

    Any user of the machine can connect to a kernel's ports; without its keys nothing is to be read
    there.
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
        """What starts the kernel."""
        return IsolatedProvisioner(kernel_spec=self.kernel_spec, parent=self)


def apart(words: list[str]) -> list[str]:
    """A kernel's command, so that nothing in the current folder stands in for what is installed.

    Args:
        words: the command; one of another interpreter than this comes back as it is.
    """
    if not words or os.path.realpath(words[0]) != os.path.realpath(sys.executable):
        return words
    rest = words[1:]
    if "ipykernel_launcher" in rest and rest[place := rest.index("ipykernel_launcher") - 1] == "-m":
        rest[place : place + 2] = [ipykernel_launcher.__file__]
    return [words[0], *(["-P"] if "-P" not in rest else []), *rest]
