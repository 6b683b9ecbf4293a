"""The quiz: people detect the same targets as the observers of the sight experiment, on one page without a server."""
