"""The section viewer of the browser: a module without dependencies, its style, and sections encoded for it."""
