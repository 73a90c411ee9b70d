"""Compiled kernels of the detector, one method a file."""
