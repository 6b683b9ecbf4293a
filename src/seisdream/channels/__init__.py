"""Channels: what single channels of a network respond to."""
