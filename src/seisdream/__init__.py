"""seisdream shows what a neural network sees in seismic."""

__version__ = "0.1.0"
