"""Mean-field theory of signals and gradients, and of random matrices."""
