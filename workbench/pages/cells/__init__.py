"""A cell's outputs as HTML."""
