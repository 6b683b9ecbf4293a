"""How much each channel contributes to each class: gradient times activation, summed over a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
import xarray as xr

from seisdream.inference.network_input import network_input
from seisdream.inference.surroundings import Surroundings
from seisdream.inference.tiling import AUTO_TILE_THRESHOLD
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import GreyMapping

N_CLASSES = 12
"""Classes that are attributed if a network has more: those with the highest logits."""


def gradient_times_activation(
    prepared: PreparedNetwork,
    layers: Sequence[str],
    line: xr.DataArray,
    mapping: GreyMapping,
    classes: Sequence[int],
    around: Surroundings | None = None,
) -> dict[str, np.ndarray]:
    """Return how much each channel raises the logit of each class on a line, to first order.

    A channel's activations times the gradient of the class's logit over them, summed over positions (Shrikumar,
    Greenside and Kundaje, "Learning important features through propagating activation differences", ICML 2017, on
    hidden layers). The logit is the mean over positions, less the mean of all classes, because what raises all classes
    equally does not separate them.

    Parameters
    ----------
    prepared : PreparedNetwork
        Of a network with classes.
    layers : sequence of str
        Layers of the channels; those behind the class layer contribute nothing.
    line : DataArray
        ``(time, trace)``; of a long one, the middle is used.
    mapping : GreyMapping
        From amplitudes to grey levels.
    classes : sequence of int
        Numbers of the classes.
    around : Surroundings, optional
        The volume that the line is from.

    Returns
    -------
    dict of array
        float64 ``(channel, class)`` by layer, in logits.
    """
    effects = {layer: np.zeros((prepared.network.layer(layer).n_channels, len(classes))) for layer in layers}
    prepared, image = image_of(prepared, line, mapping, around)
    for column, of_class in enumerate(class_gradients(prepared, image, layers, classes)):
        for layer, (activations, gradient) in of_class.items():
            product = gradient.double() * activations.double()
            effects[layer][:, column] = product.sum((0, 2, 3)).cpu().numpy()
    return effects


def class_gradients(
    prepared: PreparedNetwork, image: torch.Tensor, layers: Sequence[str], classes: Sequence[int]
) -> Iterator[dict[str, tuple[torch.Tensor, torch.Tensor]]]:
    """Yield for each class the activations of layers and the gradient of the class's logit over them.

    The logit is the mean over positions, of exclusive classes less the mean of all classes.

    Parameters
    ----------
    prepared : PreparedNetwork
        Of a network with classes.
    image : Tensor
        ``(1, channel, *space)`` in grey levels, as the network takes it.
    layers : sequence of str
        Names of layers; those behind the class layer are left out.
    classes : sequence of int
        Numbers of the classes.
    """
    logits, activations = _record(prepared, image, layers)
    means = logits[0].float().flatten(1).mean(1)
    for number in classes:
        # A softmax compares a class with the others; a sigmoid has each by itself.
        is_compared = prepared.network.class_activation == "softmax"
        score = means[number] - means.mean() if is_compared else means[number]
        with prepared.exactly():
            gradients = torch.autograd.grad(
                score, [activations[layer] for layer in layers], retain_graph=True, allow_unused=True
            )
        yield {
            layer: (activations[layer].detach(), gradient)
            for layer, gradient in zip(layers, gradients, strict=True)
            if gradient is not None
        }


def top_classes(
    prepared: PreparedNetwork,
    lines: Sequence[xr.DataArray],
    mapping: GreyMapping,
    around: Surroundings | None = None,
) -> list[int]:
    """Return the classes to attribute: all, or of many those with the highest logits over some lines."""
    inputs = (image_of(prepared, line, mapping, around) for line in lines)
    return classes_of_inputs(prepared.network, inputs)


def classes_of_inputs(network: Network, inputs: Iterable[tuple[PreparedNetwork, torch.Tensor]]) -> list[int]:
    """Return the classes to attribute, as `top_classes`, over inputs of a network."""
    layer = network.class_layer
    if layer is None or not network.has_known_classes:
        return []
    n_classes = network.layer(layer).n_channels
    if n_classes <= N_CLASSES:
        return list(range(n_classes))
    total = torch.zeros(n_classes)
    for prepared, image in inputs:
        with torch.no_grad():
            total += _record(prepared, image, ())[0][0].float().flatten(1).mean(1).cpu()
    return sorted(total.topk(N_CLASSES).indices.tolist())


def image_of(
    prepared: PreparedNetwork,
    line: xr.DataArray,
    mapping: GreyMapping,
    around: Surroundings | None,
    n_samples: int = AUTO_TILE_THRESHOLD,
) -> tuple[PreparedNetwork, torch.Tensor]:
    """Return the network bound to a line, and the line, or the middle of one of more samples, as its input."""
    columns = max(1, n_samples // line.shape[0])
    first = max(0, (line.shape[1] - columns) // 2)
    prepared, image = network_input(prepared, line, mapping, around)
    return prepared, prepared.network.preprocessing.clip(image[..., first : first + columns])


def _record(
    prepared: PreparedNetwork, image: torch.Tensor, layers: Sequence[str]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    image = image.to(prepared.device).clone()
    image.requires_grad_(torch.is_grad_enabled())
    class_layer = prepared.network.class_layer
    assert class_layer is not None
    activations = prepared.record(image, tuple(dict.fromkeys((*layers, class_layer))))
    return activations[class_layer], activations
