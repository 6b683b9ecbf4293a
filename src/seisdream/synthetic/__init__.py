"""Synthetic geology and seismic with known facies, faults and rock properties."""

from seisdream.synthetic.built_in import make_built_in_section
from seisdream.synthetic.earth import generate_sections, make_earth
from seisdream.synthetic.facies import FACIES, Facies
from seisdream.synthetic.rocks import LITHOLOGIES
from seisdream.synthetic.settings import EarthSettings

__all__ = [
    "FACIES",
    "LITHOLOGIES",
    "EarthSettings",
    "Facies",
    "generate_sections",
    "make_built_in_section",
    "make_earth",
]
