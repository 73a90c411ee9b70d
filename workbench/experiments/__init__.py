"""Experiments: each puts the claims of one paper to the test; found by their file names."""
