"""Scaling laws: fits at their minimum, their errors, comparisons and extrapolations."""
