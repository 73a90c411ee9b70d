"""Inference from a fit: standard errors, profiles, bootstraps, predictions, comparisons."""
