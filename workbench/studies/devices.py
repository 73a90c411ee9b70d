"""The GPUs of this machine, as `CUDA_VISIBLE_DEVICES` names them; looking starts no CUDA."""

from __future__ import annotations

import os
import subprocess


def devices() -> tuple[str, ...]:
    """The devices that this process may use: those of its environment, else all that NVIDIA lists.

    Empty where there is none.
    """
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is not None:
        return tuple(name.strip() for name in shown.split(",") if name.strip() not in ("", "-1"))
    words = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(name.strip() for name in ran.stdout.splitlines() if name.strip())
