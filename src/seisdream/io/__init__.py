"""File formats: what opens and writes sections."""
