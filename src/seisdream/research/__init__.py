"""Research: the four questions of the 2015 post, and the quiz."""
