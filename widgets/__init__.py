"""Figures and panels, the same for all experiments."""
