"""The atlas: a book of a network, channel by channel, measured and dreamed, as a site that opens from disk."""
