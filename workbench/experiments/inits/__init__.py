"""Experiments on initialisation."""
