"""File formats: open and write sections, volumes and masks."""
