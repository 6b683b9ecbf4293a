"""Explain a section or a cube, or every section of a whole volume, block by block."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import xarray as xr

from seisdream.attribution.attribute import attribute as attribute_in_memory
from seisdream.attribution.settings import AttributionSettings
from seisdream.dreaming.objectives.terms import Objective
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.volumes.settings import VolumeAttributionSettings


def attribute(
    data: Any,
    network: Network | str,
    target: str | Objective | None = None,
    *,
    at: Sequence[float] | None = None,
    target_mask: xr.DataArray | None = None,
    method: str | None = None,
    settings: AttributionSettings | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    segy: bool = True,
    **overrides: Any,
) -> xr.DataArray | xr.Dataset:
    """Return how much each sample of a section contributes to a network's output at a point or in a region.

    Parameters
    ----------
    data : DataArray, Volume or path
        A section ``(time, trace)`` or an image, or its path; for a network for cubes a volume. With `out`, a volume as
        for `seisdream.open_volume`: each of its sections is explained on its own, by networks for cubes the volume.
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
    out : path, optional
        For a volume: a folder to write to, block by block, with no more than some blocks in memory. An earlier run of
        the same job in the folder is continued.
    force : bool, default False
        Remove an earlier job in the folder, and begin again.
    segy : bool, default True
        With `out` and SEG-Y input, write SEG-Y too.
    **overrides
        Fields of `AttributionSettings`: ``score``, ``baseline``, ``steps``, ``patch``, ``stride``, ``cam_layer``,
        ``gamma``, ``seed``, ``percentile``, ``device``; with `out` also those of a volume job: ``direction``,
        ``block``, ``executor``, ``workers``, ``threads``, ``scheduler``.

    Returns
    -------
    DataArray or Dataset
        float32 ``(time, trace)`` on the section's grid, or ``(inline, crossline, time)``; NaN where it is absent. Cubes
        are explained by integrated gradients and Grad-CAM, with `out` by integrated gradients only. Positive samples
        raise the score.

        - integrated gradients (Sundararajan, Taly and Yan 2017): each sample's part of the change of the score from
          the baseline to the section;
        - Grad-CAM (Selvaraju and others 2017; for regions, Vinogradova and others 2020): channels of a deep layer
          weighted by their mean gradient, with sign, interpolated between units;
        - occlusion (Zeiler and Fergus 2014): how much the score falls when a patch is hidden, averaged over the
          patches that hide a sample;
        - LRP (Bach and others 2015): each sample's share of the score.

        Attributes hold the ``score`` and ``baseline_score``, ``attributed`` (the sum of the map), the target, and the
        ``provenance`` as JSON. ``attribution.seisdream.save(folder)`` writes it with a figure and SEG-Y. With `out`, a
        dataset with ``attribution`` ``(inline, crossline, time)``, read from the folder as it is used.

    Raises
    ------
    SeisdreamError
        If target, section, network and method do not go together (``incompatible``, ``not-supported``,
        ``unknown-name``), the package of the method is missing (``missing-extra``), or a keyword does not exist
        (``unknown-argument``). If blocks of a volume are missing at the end (``incomplete``), the same call computes
        them.

    Examples
    --------
    >>> attribute(section, "facies", "class:salt", at=(860, 1660))  # doctest: +SKIP
    >>> attribute("survey.zarr", "facies", "class:salt", out="salt", workers=8)  # doctest: +SKIP
    """
    if out is None:
        return attribute_in_memory(
            data, network, target, at=at, target_mask=target_mask, method=method, settings=settings, **overrides
        )
    for name, value in (("at", at), ("target_mask", target_mask)):
        if value is not None:
            raise SeisdreamError(
                f"`{name}` does not work for whole volumes; leave it out.",
                code="not-supported",
                option=name,
            )
    overrides |= {} if method is None else {"method": method}
    overrides |= {} if target is None else {"layer": str(target)}
    own = None if settings is None else VolumeAttributionSettings(**settings.to_dict())
    from seisdream.volumes.run import run_on_volume

    kind = VolumeAttributionSettings
    return run_on_volume("attribute", data, network, kind, own, overrides, out, force=force, segy=segy)
