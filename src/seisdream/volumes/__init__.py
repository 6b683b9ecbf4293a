"""Whole surveys: opened block by block, ingested from SEG-Y, and exported to it."""
