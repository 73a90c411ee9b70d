"""Primitives and experiments that put the claims of papers to the test."""

from workbench.base.results import record

__all__ = ["record"]
