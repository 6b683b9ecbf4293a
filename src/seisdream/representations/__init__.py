"""Representations: concepts of a layer, found without labels, what is known of each, and those two networks share.

The package is not called ``concepts``: a subpackage of that name would hide the function `seisdream.concepts`.
"""
