"""The quiz: people take part in the experiment on sight, on one page that needs no server."""
