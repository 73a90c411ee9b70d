"""Files, written whole or not at all, and read only if regular and of a bounded size."""
