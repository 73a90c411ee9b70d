"""Scaling laws: fits, standard errors, comparisons, extrapolations."""
