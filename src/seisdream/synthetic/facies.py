"""Seismic facies: names, definitions, colours and codes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facies:
    """A seismic facies: the appearance of the reflections of a package.

    Attributes
    ----------
    name : str
        The name in labels, legends and `class:` objectives.
    definition : str
        Its appearance in a section.
    colour : str
        ``#rrggbb``, for maps and legends.
    """

    name: str
    definition: str
    colour: str


FACIES = (
    Facies("parallel-high", "Parallel reflections, continuous and of high amplitude.", "#d9a441"),
    Facies("parallel-low", "Parallel reflections, continuous and of low amplitude.", "#f3e2b3"),
    Facies("subparallel", "Nearly parallel reflections that undulate: wavy bedding, of fair continuity.", "#9fc78b"),
    Facies("divergent", "Reflections that fan out as the package thickens sideways: growth strata.", "#4f9d69"),
    Facies("clinoforms", "Inclined reflections of a prograding slope, sigmoid or oblique.", "#4c8fc9"),
    Facies("chaotic", "Discordant, broken reflections without order: slumps and mass transport.", "#8b5a9b"),
    Facies("reflection-free", "Almost no reflections: massive or uniform rock, or water.", "#d8d8d8"),
    Facies("hummocky", "Short mounded reflections that downlap to both sides, and mounds.", "#d9795d"),
    Facies("channel fill", "The fill of an incision, onlapping its banks or draping into it.", "#2e4a7d"),
    Facies("salt", "A body that pierces and drags beds, with few internal reflections and a strong top.", "#e38fb1"),
)
"""The facies in the order of their codes.

After Mitchum, Vail and Sangree, "Seismic stratigraphy and global changes of sea level, part 6: Stratigraphic
interpretation of seismic reflection patterns in depositional sequences", AAPG Memoir 26 (1977).
"""

CODES = {facies.name: code for code, facies in enumerate(FACIES)}
"""Codes of the facies by name."""
