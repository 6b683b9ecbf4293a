"""Rock models whose answers are known because they were put there."""

from seisdream.synthetic.built_in import make_built_in_section
from seisdream.synthetic.earth import generate_sections, make_earth
from seisdream.synthetic.facies import FACIES, Facies
from seisdream.synthetic.recipe import EarthSettings
from seisdream.synthetic.rocks import LITHOLOGIES

__all__ = [
    "FACIES",
    "LITHOLOGIES",
    "EarthSettings",
    "Facies",
    "generate_sections",
    "make_built_in_section",
    "make_earth",
]
