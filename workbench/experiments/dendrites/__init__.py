"""Experiments on sparse dendrites."""
