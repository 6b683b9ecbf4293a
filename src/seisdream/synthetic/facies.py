"""Seismic facies: the words of seismic stratigraphy, in one order for labels, legends and networks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facies:
    """A seismic facies: what a package of reflections looks like between its boundaries.

    Attributes
    ----------
    name : str
        The word used in labels, legends and `class:` objectives.
    definition : str
        What an interpreter looks for.
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
    Facies("reflection-free", "Hardly a reflection: massive or uniform rock, or water.", "#d8d8d8"),
    Facies("hummocky", "Short mounded reflections that lap down to both sides, and mounds.", "#d9795d"),
    Facies("channel fill", "The fill of an incision, onlapping its banks or draping into it.", "#2e4a7d"),
    Facies("salt", "A body that pierces and drags the beds, reflection-poor within, with a strong top.", "#e38fb1"),
)
"""The facies in the order of their codes: `FACIES[code]` says what a label means.

After Mitchum, Vail and Sangree, "Seismic stratigraphy and global changes of sea level, part 6: Stratigraphic
interpretation of seismic reflection patterns in depositional sequences", AAPG Memoir 26 (1977).
"""

CODES = {facies.name: code for code, facies in enumerate(FACIES)}
"""The code of each facies by its name."""
