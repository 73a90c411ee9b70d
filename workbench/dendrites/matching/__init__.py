"""The detector: which stored segments match a pattern, by the cheapest method."""
