"""Architectures that seisdream ships."""
