"""Dreaming: gradient ascent on a network's activations."""
