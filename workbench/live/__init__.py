"""Notebooks with a kernel behind them, opened to turn their knobs."""
