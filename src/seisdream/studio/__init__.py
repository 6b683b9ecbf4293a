"""The studio: a server on this machine through which a browser dreams, live."""
