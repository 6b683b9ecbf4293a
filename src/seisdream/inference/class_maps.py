"""Maps of classes from sums of probabilities: the classes of a network, and what a prediction consists of."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.models.network import Network

ABSENT_CLASS = 255
"""The class of absent samples."""
NO_CLASS = 254
"""The class of samples where a network with several labels at once gives none a probability above 0.5."""
BACKGROUND = "background"
"""The first class of a network with a single output."""
BACKGROUND_COLOUR = "#e0e0e0"
"""Its colour."""
LONG_NAMES = {
    "classes": "most probable class",
    "probabilities": "probability",
    "entropy": "entropy of the probabilities",
    "uncertainty": "disagreement between augmented copies",
}
"""Of the maps of a prediction."""


def classes_of(network: Network) -> tuple[str, tuple[str, ...]]:
    """Return the layer of class logits of a network, and the names of the classes."""
    advice = "use a network that predicts a class for every sample, such as `network=facies` (seisdream networks)"
    layer = network.class_map_layer
    if layer is None:
        raise SeisdreamError(f"{network.name} has no classes to predict; {advice}.", code="not-supported")
    info = network.layer(layer)
    if not info.has_positions or info.stride is None or info.start is None:
        raise SeisdreamError(
            f"{network.name} makes no map of a section: '{layer}' does not grow with the input. It is one answer for a "
            f"whole image, or its forward resizes it to one size; name its layer of maps if it has one "
            f"(`class_layer`), or {advice}.",
            code="not-supported",
        )
    names = network.classes or tuple(f"class {number}" for number in range(info.n_channels))
    if len(names) == 1 and network.class_activation == "sigmoid":
        names = (BACKGROUND, *names)
    if not 2 <= len(names) < ABSENT_CLASS:
        raise SeisdreamError(
            f"{network.name} has {len(names)} classes; a map has 2 to {ABSENT_CLASS - 1}.", code="not-supported"
        )
    return layer, names


def class_maps(
    total: NDArray, entropies: NDArray, absent: NDArray, n_copies: int, *, is_multi_label: bool
) -> dict[str, NDArray]:
    """Return the maps from sums over copies: probabilities ``(class, time, trace)``, changed in place, and entropies.

    Entropies are divided by their largest value, so that they range from 0 to 1.
    """
    scale = np.float32(1.0 / (len(total) * math.log(2.0) if is_multi_label else math.log(len(total))))
    classes = np.empty(absent.shape, np.uint8)
    entropy = np.empty(absent.shape, np.float32)
    # Some rows at a time, because intermediate arrays are as large as the probabilities.
    for first, stop in pairwise([*range(0, len(absent), 256), len(absent)]):
        rows = slice(first, stop)
        total[:, rows] /= n_copies
        total[:, rows][:, absent[rows]] = np.nan
        probabilities = total[:, rows]
        classes[rows] = np.where(absent[rows], ABSENT_CLASS, np.nan_to_num(probabilities).argmax(0))
        entropy[rows] = 0.0 - (probabilities * np.log(np.maximum(probabilities, 1e-30))).sum(0) * scale
        if is_multi_label:
            others = 1.0 - probabilities
            entropy[rows] -= (others * np.log(np.maximum(others, 1e-30))).sum(0) * scale
            classes[rows][(probabilities <= 0.5).all(0)] = NO_CLASS
    np.clip(entropy, 0.0, 1.0, out=entropy)
    maps = {"classes": classes, "probabilities": total, "entropy": entropy}
    if n_copies > 1:
        entropies *= scale / n_copies
        np.subtract(entropy, entropies, out=entropies)
        maps["uncertainty"] = np.clip(entropies, 0.0, 1.0, out=entropies)
    return maps
