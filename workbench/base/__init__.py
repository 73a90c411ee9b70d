"""What all share: arrays, checks, intervals, threads, cancellation, tables."""
