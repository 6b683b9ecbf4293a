"""Arrays to colours, figures and films."""
