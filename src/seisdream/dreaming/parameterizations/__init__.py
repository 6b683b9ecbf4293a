"""What is free to change in a dream, one class a file; samples themselves (`pixel`) are what `levels` does."""
