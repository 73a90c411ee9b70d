"""Trained weights: readers, summaries, fits."""
