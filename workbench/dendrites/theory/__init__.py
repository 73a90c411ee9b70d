"""Laws of sparse codes in closed form: overlaps, unions, thresholds."""
