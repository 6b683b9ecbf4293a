"""Psychophysics: targets, trials, observers and signal detection."""
