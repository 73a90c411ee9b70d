"""Weight files: their formats, the numbers they store, and which axis is which."""
