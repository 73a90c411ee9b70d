"""What a run's identity takes in: code, environment, data, the user's own modules."""
