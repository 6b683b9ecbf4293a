"""Objectives: what a dream maximizes."""
