"""Results: writers and provenance."""
