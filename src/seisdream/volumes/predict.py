"""Predict a section, or a whole volume block by block."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import xarray as xr

from seisdream.inference.predict import predict as predict_in_memory
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.models.network import Network

if TYPE_CHECKING:
    from seisdream.results.concept_result import ConceptResult


def predict(
    data: Any,
    network: Network | str,
    *,
    concepts: ConceptResult | str | os.PathLike[str] | None = None,
    settings: PredictionSettings | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    segy: bool = True,
    **overrides: Any,
) -> xr.Dataset:
    """Predict the class of every sample, with probabilities and uncertainty.

    Parameters
    ----------
    data : DataArray, Volume or path
        A section ``(time, trace)`` or an image of any size, or its path; or a volume, as `seisdream.open_volume`
        returns it or with dimensions ``inline``, ``crossline`` and ``time`` or ``depth``. Without `out` a volume is
        predicted in memory, inline by inline, or by a network for cubes as a cube.
    network : Network or str
        A network, or its name, with a layer of class logits that have positions, such as ``facies``.
    concepts : ConceptResult or path, optional
        Concepts of the network, or the folder of `seisdream.concepts`, which are mapped instead of classes: the
        probability of a concept is its share of the strengths of all.
    settings : PredictionSettings, optional
        All settings of the prediction.
    out : path, optional
        For a volume: a folder to write to, block by block, with no more than some blocks in memory. An earlier run of
        the same job in the folder is continued.
    force : bool, default False
        Remove an earlier job in the folder, and begin again.
    segy : bool, default True
        With `out` and SEG-Y input, write SEG-Y of every variable too.
    **overrides
        Fields of `PredictionSettings`: ``augmentations``, ``stratigraphic_order``, ``scale``, ``as_is``,
        ``percentile``, ``tile``, ``precision``, ``device``; with `out` also those of a volume job: ``direction``,
        ``block``, ``number_format``, ``all_probabilities``, ``strengths``, ``store``, ``executor``, ``workers``,
        ``threads``, ``scheduler``.

    Returns
    -------
    Dataset
        On the coordinates of the data and ``class``, the names of the classes (with ``colour`` where the network has
        colours). For a volume, dimensions are ``(inline, crossline, time)`` in place of ``(time, trace)``.

        - ``classes`` ``(time, trace)`` uint8: the most probable class, or where classes have a stratigraphic order the
          most probable sequence down each trace; 255 where the section is absent or muted;
        - ``probabilities`` ``(class, time, trace)`` float32, NaN where absent; with `out` instead ``probability`` of
          the class, and with ``all_probabilities`` a variable for each class, such as ``probability_salt``; with
          `concepts` and ``strengths`` also those of concepts, such as ``strength_clinoforms``;
        - ``entropy`` ``(time, trace)`` float32: of the probabilities, 0 (one class is certain) to 1 (all are equally
          probable);

        A network with a single output (such as a fault detector) has two classes, ``background`` and its own. A network
        with several labels at once (`Network.class_activation` is "sigmoid") has independent probabilities, which need
        not sum to 1: ``classes`` is 254 where none exceeds 0.5, and ``entropy`` is the mean of the labels' own, 0
        (each is certainly there or not) to 1 (each has probability 0.5).

        - ``uncertainty`` ``(time, trace)`` float32, with augmentations only: the part of the entropy that comes from
          disagreement between augmented copies (the mutual information of copy and class, on the same scale);
        - ``horizons`` ``(horizon, trace)`` float32, with a stratigraphic order and without `out` only: time of the
          first sample of each class but the first, NaN where a trace has nothing above or nothing below it.

        ``attrs["scale"]`` holds the factors by which the section was resampled for the network, and
        ``attrs["harmonisation"]``, where these were found from the section, what was measured.
        ``attrs["provenance"]`` is the record of how it was made, as JSON. Without `out`,
        ``prediction.seisdream.save(folder)`` writes it with figures and SEG-Y; with `out`, the dataset is read from
        the folder as it is used.

    Raises
    ------
    SeisdreamError
        If the network has no classes or its classes have no positions (``not-supported``), `tile` is given and tiles
        would differ from the whole (``not-supported``), a keyword does not exist (``unknown-argument``), or blocks of
        a volume are missing at the end (``incomplete``); the same call then computes only these.

    Examples
    --------
    >>> prediction = predict(section, "facies", augmentations=0)  # doctest: +SKIP
    >>> prediction.probabilities.sel({"class": "salt"})  # doctest: +SKIP
    >>> volume = predict("survey.zarr", "facies", out="facies", workers=8)  # doctest: +SKIP
    """
    if concepts is not None:
        from seisdream.representations.concepts import open_concepts

        network = open_concepts(concepts, network)
    if out is None:
        return predict_in_memory(data, network, settings=settings, **overrides)
    from seisdream.volumes.run import run_on_volume

    return run_on_volume("predict", data, network, PredictionSettings, settings, overrides, out, force=force, segy=segy)
