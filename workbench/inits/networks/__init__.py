"""Signals through random networks: layer by layer, trained, at finite width."""
