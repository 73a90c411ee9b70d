"""The panel that turns an experiment's parameters."""
