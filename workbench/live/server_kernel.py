"""Kernels behind a server of notebooks, isolated as those of runs are."""

from jupyter_server.services.kernels.kernelmanager import ServerKernelManager

from workbench.runs.kernels.isolation import Isolated


class ServerKernel(Isolated, ServerKernelManager):
    """A kernel of JupyterLab or Voila."""
