"""Training: networks that learn facies, geology and intervals from generated earths and from labelled data."""
