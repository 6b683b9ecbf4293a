"""Everything that the pages of an atlas show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import xarray as xr

from seisdream.atlas.layer_selection import AtlasLayer
from seisdream.atlas.measurements import Measurements
from seisdream.atlas.settings import AtlasSettings
from seisdream.channels.tuning import PlaneWaves, Tuning
from seisdream.dreaming.settings import DreamSettings
from seisdream.inference.section_source import SectionSource
from seisdream.models.network import Network
from seisdream.results.concept_result import ConceptResult

SHEET_COLUMNS = 16
"""Tiles in a row of the overview of a layer."""


@dataclass(frozen=True)
class AtlasContent:
    """Everything that the pages of an atlas show.

    Attributes
    ----------
    network : Network
        The network.
    settings : AtlasSettings
        Of the atlas.
    record : dict
        Network, data and settings, as in ``atlas.json``.
    lines : SectionSource
        The data.
    layers : list of AtlasLayer
        The layers.
    measurements : Measurements
        On the data.
    tuning : dict of Tuning
        To plane waves, by layer.
    waves : PlaneWaves
        The plane waves.
    natural : dict of list
        By layer, the share of layers where the dream of each channel is natural; None where it is not known.
    dream_settings : DreamSettings
        Of dreams from noise.
    scene : DataArray
        The section that every channel dreams on.
    concepts : ConceptResult, optional
        Concepts that the atlas opens with.
    """

    network: Network
    settings: AtlasSettings
    record: dict[str, Any]
    lines: SectionSource
    layers: list[AtlasLayer]
    measurements: Measurements
    tuning: dict[str, Tuning]
    waves: PlaneWaves
    natural: dict[str, list[float | None]]
    dream_settings: DreamSettings
    scene: xr.DataArray
    concepts: ConceptResult | None = None
