"""The atlas: each channel of a network, measured and dreamed, as HTML pages that open from disk."""
