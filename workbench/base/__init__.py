"""Shared by all packages: arrays, checks, files, intervals, threads, cancellation, tables."""
