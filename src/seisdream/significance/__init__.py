"""Where a network responds more than to noise, and whether it learned to: permutation tests."""
