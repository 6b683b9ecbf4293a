"""Rock models whose answers are known because they were put there."""

from seisdream.geology.built_in import make_built_in_section

__all__ = ["make_built_in_section"]
