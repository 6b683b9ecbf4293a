"""Networks with names for their layers, and everything a dream needs to know about them."""
