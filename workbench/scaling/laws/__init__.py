"""Scaling laws as expressions, and programs that evaluate and differentiate them."""
