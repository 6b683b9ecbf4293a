"""Networks with preprocessing, layer names, receptive fields and classes."""
