"""Sparse patterns: drawn, encoded, compared, read from files."""
