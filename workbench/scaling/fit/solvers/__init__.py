"""Solvers of a fit: reference, processor and GPU."""
