"""Shared by all packages: arrays, checks, intervals, threads, cancellation, tables."""
