"""Data: labelled and unlabelled seismic to learn from."""
