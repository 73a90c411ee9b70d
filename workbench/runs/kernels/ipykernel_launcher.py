"""Starts IPython's kernel with the current folder at the end of the module search path.

Run with `python -P`. ipykernel's own launcher has the current folder first, so that a module there
could shadow an installed one.
"""

import ctypes
import sys

_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of Linux


def adopt_orphans() -> None:
    """Makes this process the parent of each descendant whose own parent ends.

    Such a process, which may have left its session and its environment, can then be found among the
    descendants and ended. Other systems than Linux have no such call.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1)


def main() -> None:
    """Runs a kernel with the arguments of the command line until it ends."""
    from ipykernel.kernelapp import IPKernelApp

    adopt_orphans()
    IPKernelApp.init_path = lambda _: sys.path.append("")
    IPKernelApp.launch_instance()


if __name__ == "__main__":
    main()
