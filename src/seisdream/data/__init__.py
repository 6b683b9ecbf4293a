"""Labelled data: opened from files and benchmarks, split into training and validation, drawn as training samples."""
