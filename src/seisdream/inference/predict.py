"""Predict the class of every sample of a section, or of a volume in memory."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import xarray as xr

from seisdream.inference.class_maps import ABSENT_CLASS
from seisdream.inference.predict_cube import predict_cube
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.inference.section_source import is_volume, open_sections
from seisdream.io.inputs import open_section
from seisdream.models.network import Network
from seisdream.models.registry import as_network
from seisdream.seismic.volumes import Volume


def predict(
    data: xr.DataArray | Volume | str | os.PathLike[str],
    network: Network | str,
    *,
    settings: PredictionSettings | None = None,
    **overrides: Any,
) -> xr.Dataset:
    """Predict a section, or a volume in memory; parameters and result are those of `seisdream.predict` without `out`.

    A volume is predicted inline by inline, or by a network for cubes as a cube, in overlapping blocks where it is
    large.
    """
    network, settings = as_network(network), PredictionSettings.of(settings, overrides)
    if network.n_spatial_dims == 3:
        return predict_cube(data, network, settings)
    predictor = Predictor(network, settings)
    if isinstance(data, str | os.PathLike):
        data = open_section(data)
    if isinstance(data, Volume) or is_volume(data):
        prediction, record = _predict_volume(data, predictor)
    else:
        predictor = predictor.harmonised_with(data)
        prediction = predictor(data)
        record = predictor.provenance(data)
    return prediction.assign_attrs(provenance=json.dumps(record, ensure_ascii=False))


def _predict_volume(volume: xr.DataArray | Volume, predictor: Predictor) -> tuple[xr.Dataset, dict[str, Any]]:
    source = open_sections(volume, percentile=predictor.settings.percentile)
    predictor = predictor.harmonised_with(source.open(len(source) // 2))
    parts = []
    for number in range(len(source)):
        part = predictor(source.open(number), source.mapping, source.around)
        parts.append(part.drop_vars([name for name in part.coords if name not in (*part.dims, "colour")]))
    first = source.open(0)
    vertical, lateral = (str(dim) for dim in first.dims)
    whole = xr.concat(parts, xr.DataArray(list(source.inlines), dims="inline", name="inline"))
    inlines = volume["inline"].values if isinstance(volume, xr.DataArray) else np.asarray(volume.inlines)
    # Inlines without traces are absent.
    whole = whole.reindex(inline=inlines, fill_value={"classes": ABSENT_CLASS})
    whole = whole.transpose("class", "horizon", "inline", lateral, vertical, missing_dims="ignore")
    return whole, predictor.provenance(first, source.mapping, source.around, volume_shape=whole["classes"].shape)
