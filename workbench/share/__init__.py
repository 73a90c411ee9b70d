"""Runs passed on: the pages over many of them, comparison, verification, research objects."""
