"""Representations: concepts of a layer, found without labels, and what is known of each."""
