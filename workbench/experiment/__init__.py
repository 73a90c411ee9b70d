"""The parts of an experiment: parameters, measurements, and claims that they decide."""
