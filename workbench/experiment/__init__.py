"""What every experiment is made of: measurements that knobs enter, and claims that they decide."""
