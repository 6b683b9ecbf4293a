"""Dreaming: what to ask of a network, and the ascent that asks it."""
