"""The minimisation behind a fit: reference, processor and GPU."""
