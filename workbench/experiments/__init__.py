"""Experiments: each tests the claims of one paper; discovered by file name."""
