"""A notebook's parameters: read from its cell, set in it, and read back from the kernel."""
