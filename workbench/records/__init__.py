"""Records of many runs: read as they stand, as tables, and as an index for other programs."""
