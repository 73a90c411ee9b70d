"""The detector's search as array code, compiled for the processor, and on a GPU."""
