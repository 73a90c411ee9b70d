"""Primitives of initialisation: activations, moments, schemes, networks, trained weights."""
