"""Experiments: the questions of the post, each answered with numbers that one command makes again."""
