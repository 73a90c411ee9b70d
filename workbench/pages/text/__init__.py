"""Prose, formulas and foreign HTML as what a page may hold."""
