"""Initialisation schemes: what weights are drawn from, and how."""
