"""Primitives and experiments that put the claims of papers to the test."""
