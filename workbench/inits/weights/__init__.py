"""Trained weights: chosen, summarised, fitted."""
