"""The public function of attribution: how much each sample contributes to a network's output."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import xarray as xr

from seisdream.attribution.attribute_cube import CubeAttributor
from seisdream.attribution.attributor import Attributor
from seisdream.attribution.settings import AttributionSettings
from seisdream.dreaming.objectives.terms import Objective
from seisdream.inference.cubes import as_volume
from seisdream.io.inputs import as_section
from seisdream.io.segy import SegyVolume
from seisdream.models.network import Network
from seisdream.models.registry import as_network


def attribute(
    section: xr.DataArray | SegyVolume | str | os.PathLike[str],
    network: Network | str,
    target: str | Objective | None = None,
    *,
    at: Sequence[float] | None = None,
    target_mask: xr.DataArray | None = None,
    method: str | None = None,
    settings: AttributionSettings | None = None,
    **overrides: Any,
) -> xr.DataArray:
    """Return how much each sample of a section contributes to a network's output at a point or in a region.

    Parameters and errors are those of `seisdream.attribute` without a folder to write to.
    """
    overrides |= {} if method is None else {"method": method}
    settings = AttributionSettings.of(settings, overrides)
    network = as_network(network)
    if network.n_spatial_dims == 3:
        volume = as_volume(section, network)
        attributor = CubeAttributor(volume, network, target, at=at, target_mask=target_mask, settings=settings)
    else:
        attributor = Attributor(as_section(section), network, target, at=at, target_mask=target_mask, settings=settings)
    attribution = attributor()
    record = attributor.provenance(attribution)
    return attribution.assign_attrs(provenance=json.dumps(record, ensure_ascii=False))
