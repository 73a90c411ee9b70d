"""Many runs: a study's points, the workers that make them, and how far they have come."""
