"""Primitives of initialisation: activations, moments, schemes, propagation, tails and a network."""
