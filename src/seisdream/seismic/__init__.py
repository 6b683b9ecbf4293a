"""What a section is; touches no file."""
