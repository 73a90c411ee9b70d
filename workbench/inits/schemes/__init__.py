"""Initialisation schemes: distributions of weights, and samplers."""
