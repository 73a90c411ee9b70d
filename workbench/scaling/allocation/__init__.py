"""How to divide a compute budget between parameters and tokens."""
