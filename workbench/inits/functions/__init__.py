"""Activation functions, the error function and linear algebra on stacks of matrices."""
