"""The public function of prediction: the class of every sample, with probabilities and uncertainty."""

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
from seisdream.io.segy import SegyVolume
from seisdream.models.network import Network
from seisdream.models.registry import as_network


def predict(
    data: xr.DataArray | SegyVolume | str | os.PathLike[str],
    network: Network | str,
    *,
    settings: PredictionSettings | None = None,
    **overrides: Any,
) -> xr.Dataset:
    """Predict the class of every sample, with probabilities and uncertainty.

    Parameters
    ----------
    data : DataArray, SegyVolume or path
        A section ``(time, trace)`` or an image of any size, or its path; or a volume, as `seisdream.open_volume`
        returns it or with dimensions ``inline``, ``crossline`` and ``time`` or ``depth``. A volume is predicted inline
        by inline, or by a network for cubes as a cube, in overlapping blocks where it is large.
    network : Network or str
        A network, or its name, with a layer of class logits that have positions, such as ``facies``.
    settings : PredictionSettings, optional
        All settings.
    **overrides
        Fields of `PredictionSettings`: ``augmentations``, ``stratigraphic_order``, ``scale``, ``as_is``,
        ``percentile``, ``tile``, ``precision``, ``device``.

    Returns
    -------
    Dataset
        On the coordinates of the data and ``class``, the names of the classes (with ``colour`` where the network has
        colours). For a volume, dimensions are ``(inline, crossline, time)`` in place of ``(time, trace)``.

        - ``classes`` ``(time, trace)`` uint8: the most probable class, or where classes have a stratigraphic order the
          most probable sequence down each trace; 255 where the section is absent or muted;
        - ``probabilities`` ``(class, time, trace)`` float32, NaN where absent;
        - ``entropy`` ``(time, trace)`` float32: of the probabilities, 0 (one class is certain) to 1 (all are equally
          probable);

        A network with a single output (such as a fault detector) has two classes, ``background`` and its own. A network
        with several labels at once (`Network.class_activation` is "sigmoid") has independent probabilities, which need
        not sum to 1: ``classes`` is 254 where none exceeds 0.5, and ``entropy`` is the mean of the labels' own, 0
        (each is certainly there or not) to 1 (each has probability 0.5).

        - ``uncertainty`` ``(time, trace)`` float32, with augmentations only: the part of the entropy that comes from
          disagreement between augmented copies (the mutual information of copy and class, on the same scale);
        - ``horizons`` ``(horizon, trace)`` float32, with a stratigraphic order only: time of the first sample of each
          class but the first, NaN where a trace has nothing above or nothing below it.

        ``attrs["scale"]`` holds the factors by which the section was resampled for the network, and
        ``attrs["harmonisation"]``, where these were found from the section, what was measured.
        ``attrs["provenance"]`` is the record of how it was made, as JSON; ``prediction.seisdream.save(folder)`` writes
        it with figures and SEG-Y.

    Raises
    ------
    SeisdreamError
        If the network has no classes or its classes have no positions (``not-supported``), `tile` is given and tiles
        would differ from the whole (``not-supported``), or a keyword does not exist (``unknown-argument``).

    Examples
    --------
    >>> prediction = predict(section, "facies", augmentations=0)  # doctest: +SKIP
    >>> prediction.probabilities.sel({"class": "salt"})  # doctest: +SKIP
    """
    network, settings = as_network(network), PredictionSettings.of(settings, overrides)
    if network.n_spatial_dims == 3:
        return predict_cube(data, network, settings)
    predictor = Predictor(network, settings)
    if isinstance(data, str | os.PathLike):
        data = open_section(data)
    if isinstance(data, SegyVolume) or is_volume(data):
        prediction, record = _predict_volume(data, predictor)
    else:
        predictor = predictor.harmonised_with(data)
        prediction = predictor(data)
        record = predictor.provenance(data)
    return prediction.assign_attrs(provenance=json.dumps(record, ensure_ascii=False))


def _predict_volume(volume: xr.DataArray | SegyVolume, predictor: Predictor) -> tuple[xr.Dataset, dict[str, Any]]:
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
