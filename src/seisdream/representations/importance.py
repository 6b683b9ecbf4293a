"""How much each concept raises the logit of each class, to first order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from seisdream.channels.channel_attribution import class_gradients
from seisdream.models.prepared import PreparedNetwork
from seisdream.representations.factorise import Factorisation


def class_importance(
    inputs: Iterable[tuple[PreparedNetwork, torch.Tensor]],
    layer: str,
    factorisation: Factorisation,
    classes: list[int],
) -> NDArray[np.float64]:
    """Return gradient times activation of each concept for each class, in logits.

    Activations are a sum of concepts, so the product of a class's gradient and the activations is a sum over concepts
    too, but for what the concepts do not account for. The logit is the mean over positions, of exclusive classes less
    the mean of all classes, as in `seisdream.channels.channel_attribution`. For a layer from which the logit is linear
    it is the exact contribution.

    Parameters
    ----------
    inputs : iterable of (PreparedNetwork, Tensor)
        The network and images of data.
    layer : str
        The layer.
    factorisation : Factorisation
        Its concepts.
    classes : list of int
        Numbers of the classes.

    Returns
    -------
    array
        ``(concept, class)``, the mean over images.
    """
    each = []
    for prepared, image in inputs:
        effects, strengths = np.zeros((factorisation.n_concepts, len(classes))), None
        for column, of_class in enumerate(class_gradients(prepared, image, [layer], classes)):
            if layer not in of_class:  # behind the layer of the classes
                continue
            activations, gradient = (one[0].float().flatten(1).T.cpu().numpy() for one in of_class[layer])
            strengths = factorisation.strengths(activations) if strengths is None else strengths
            along = gradient.astype(np.float64) @ factorisation.directions.T
            effects[:, column] = (strengths * along).sum(0)
        each.append(effects)
    return np.mean(each, axis=0)
