"""Starts IPython's kernel so that the current folder is the last place to look for modules.

It runs as a program with `python -P`; what has the same name in ipykernel takes the current folder
first for what is installed.
"""

import sys


def main() -> None:
    """Runs a kernel with the words of the command line until it ends."""
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.init_path = lambda _: sys.path.append("")
    IPKernelApp.launch_instance()


if __name__ == "__main__":
    main()
