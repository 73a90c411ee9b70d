"""Figures of one style, their axes, error bars and sliders."""
