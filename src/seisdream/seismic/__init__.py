"""Sections and cubes of seismic: dimensions, spectrum, attributes, surrogates. It reads and writes no files."""
