"""Kernels that execute a notebook's cells, fresh or forked."""
