"""Concepts: directions in a layer that are active together, found without labels, and what is known of each."""
