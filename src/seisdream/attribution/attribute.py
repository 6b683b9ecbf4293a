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

    Parameters
    ----------
    section : DataArray or path
        ``(time, trace)`` or an image, or its path; for a network for cubes a volume.
    network : Network or str
        A network or its name.
    target : str or Objective, optional
        What is explained: ``class:salt``, a channel ``enc5:12``, or a weighted sum of such of one layer,
        ``class:salt - class:divergent``. By default the most probable class at the point or in the region.
    at : (float, float), optional
        A point: horizontal and vertical coordinate in the section's own numbers (crossline and ms); of a cube inline,
        crossline and time.
    target_mask : DataArray, optional
        ``(time, trace)``, 0 to 1, as `seisdream.io.masks.open_mask` returns it: a region over which the output is
        averaged. With neither, the whole section.
    method : {"integrated-gradients", "grad-cam", "occlusion", "lrp"}, optional
        The attribution method; by default that of `settings`, which is integrated gradients by default.
    settings : AttributionSettings, optional
        All settings.
    **overrides
        Fields of `AttributionSettings`: ``score``, ``baseline``, ``steps``, ``patch``, ``stride``, ``cam_layer``,
        ``gamma``, ``seed``, ``percentile``, ``device``.

    Returns
    -------
    DataArray
        float32 ``(time, trace)`` on the section's grid, or ``(inline, crossline, time)``; NaN where it is absent. Cubes
        are explained by integrated gradients and Grad-CAM. Positive samples raise the score.

        - integrated gradients (Sundararajan, Taly and Yan 2017): each sample's part of the change of the score from
          the baseline to the section;
        - Grad-CAM (Selvaraju and others 2017; for regions, Vinogradova and others 2020): channels of a deep layer
          weighted by their mean gradient, with sign, interpolated between units;
        - occlusion (Zeiler and Fergus 2014): how much the score falls when a patch is hidden, averaged over the
          patches that hide a sample;
        - LRP (Bach and others 2015): each sample's share of the score.

        Attributes hold the ``score`` and ``baseline_score``, ``attributed`` (the sum of the map), the target, and the
        ``provenance`` as JSON. ``attribution.seisdream.save(folder)`` writes it with a figure and SEG-Y.

    Raises
    ------
    SeisdreamError
        If target, section, network and method do not go together (``incompatible``, ``not-supported``,
        ``unknown-name``), the package of the method is missing (``missing-extra``), or a keyword does not exist
        (``unknown-argument``).

    Examples
    --------
    >>> attribute(section, "facies", "class:salt", at=(860, 1660))  # doctest: +SKIP
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
