"""Controls: permutation tests against surrogate noise and random weights."""
