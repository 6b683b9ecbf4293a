"""Rock models whose answers are known because they were put there."""

from seisdream.geology.built_in import make_built_in_section
from seisdream.geology.earth import generate_sections, make_earth
from seisdream.geology.facies import FACIES, Facies
from seisdream.geology.recipe import EarthRecipe
from seisdream.geology.rocks import LITHOLOGIES

__all__ = [
    "FACIES",
    "LITHOLOGIES",
    "EarthRecipe",
    "Facies",
    "generate_sections",
    "make_built_in_section",
    "make_earth",
]
