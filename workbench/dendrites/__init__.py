"""Primitives of sparse-dendrite detection: the laws, the codes and the detector."""
