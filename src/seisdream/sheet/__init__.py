"""What each layer and class of a network draws on a section, small, to choose from."""
