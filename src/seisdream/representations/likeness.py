"""How like known facies concepts are: average precision of their strength for each class of labelled sections."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from seisdream.data.synthetic_stream import GeneratedEarths, fault_labels
from seisdream.inference.section_source import open_sections
from seisdream.models.prepared import PreparedNetwork
from seisdream.representations.survey import Units, section_units
from seisdream.seismic.sections import UNKNOWN, make_section

GENERATED, FAULTS = "generated", "faults"
_SIDE, _DT_MS = 256, 4.0
_FEWEST = 20  # units of a class, below which its average precision is not measured

Masks = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class LabelledUnits:
    """Units of labelled sections.

    Attributes
    ----------
    activations : array
        ``(unit, channel)``.
    masks : dict of array
        For each class, which units have their centre in it; for faults, which have one in their cell.
    """

    activations: NDArray[np.float32]
    masks: Masks

    def average_precision(self, scores: NDArray) -> NDArray[np.float64]:
        """Return the average precision of scores ``(unit, score)`` for each class, ``(score, class)``.

        1 where the units of the class have the highest scores, about the share of the class by chance. NaN for a class
        of fewer than 20 units.
        """
        from sklearn.metrics import average_precision_score  # takes long to import

        found = np.full((scores.shape[1], len(self.masks)), np.nan)
        for column, mask in enumerate(self.masks.values()):
            if mask.sum() >= _FEWEST:
                found[:, column] = [average_precision_score(mask, one) for one in scores.T]
        return found


def mean_best(precisions: NDArray) -> float:
    """Return the mean over classes of the highest average precision among scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a class without units
        return float(np.nanmean(np.nanmax(precisions, axis=0)))


def labelled_sections(labels: str, n_most: int) -> Iterator[tuple[xr.DataArray, Masks]]:
    """Yield labelled sections with a mask of each class; generated earths have faults as one more class.

    Parameters
    ----------
    labels : str
        As for `seisdream.evaluate`.
    n_most : int
        Number of sections.
    """
    from seisdream.evaluation.test_sets import HELD_OUT_SEED, open_held_out  # takes long to import

    if labels == GENERATED:
        earths = GeneratedEarths(HELD_OUT_SEED, size=_SIDE, augmentation=None)
        for number in range(n_most):
            sample = earths[number]
            section = make_section(sample.image[0], dt_ms=_DT_MS, source=f"generated earth {number}")
            assert sample.fault is not None
            faults = fault_labels(sample.fault, sample.classes) == 1
            yield section, _masks(sample.classes, earths.classes) | {FAULTS: faults}
        return
    data = open_held_out(labels, n_most)
    for section, codes in data.held_out:
        yield section, _masks(codes, data.classes)


def labelled_units(networks: Sequence[PreparedNetwork], layer: str, labels: str, n_most: int) -> list[LabelledUnits]:
    """Return the units of a layer over labelled sections, each with the class of the sample at its centre.

    Faults are thinner than a unit, so a unit belongs to them where one crosses its cell, one stride wide.

    Parameters
    ----------
    networks : sequence of PreparedNetwork
        With the same layers; the sections are read once for all.
    layer : str
        The layer.
    labels, n_most
        As for `labelled_sections`.
    """
    activations: list[list[NDArray]] = [[] for _ in networks]
    masks: list[Masks] = []
    cell = [max(1, round(step)) for step in networks[0].network.layer(layer).stride or (1, 1)]
    for section, known in labelled_sections(labels, n_most):
        if FAULTS in known and labels == GENERATED:
            known[FAULTS] = np.asarray(maximum_filter(known[FAULTS], cell), bool)
        source = open_sections(section)
        each = [Units.concatenate(list(section_units(one, layer, section, source))) for one in networks]
        for own, units in zip(activations, each, strict=True):
            own.append(units.activations)
        rows, columns = (
            np.clip(np.rint(each[0].positions[:, axis]), 0, n - 1).astype(int)
            for axis, n in zip((1, 2), section.shape, strict=True)
        )
        masks.append({name: mask[rows, columns] for name, mask in known.items()})
    joined = {name: np.concatenate([one[name] for one in masks]) for name in masks[0]}
    return [LabelledUnits(np.concatenate(own), joined) for own in activations]


def _masks(codes: NDArray, classes: tuple[str, ...]) -> Masks:
    return {name: codes == code for code, name in enumerate(classes) if code != UNKNOWN}
