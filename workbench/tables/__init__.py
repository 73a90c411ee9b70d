"""Tables from users' files: read, typed, their columns named by meaning, their rows chosen."""
