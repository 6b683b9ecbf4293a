"""Evaluation: how well a network predicts."""
