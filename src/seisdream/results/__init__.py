"""What the functions return, and the folders that results are saved to."""
