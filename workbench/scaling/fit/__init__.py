"""Fits of a law to a table: losses, starts, the minimum and its properties."""
