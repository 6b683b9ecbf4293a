"""Figures and films of sections, predictions, attributions and controls."""
