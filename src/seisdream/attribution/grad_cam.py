"""Grad-CAM (Selvaraju and others 2017), with captum: channels of a deep layer weighted by their mean gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.inference.unit_grid import UnitGrid
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork

# By default the last layer with units this many samples apart or more.
_COARSE_STRIDE = 8


def grad_cam(
    score: Callable[[torch.Tensor], torch.Tensor], prepared: PreparedNetwork, layer: str, image: torch.Tensor
) -> torch.Tensor:
    """Return the Grad-CAM map of a score, with sign, at every sample.

    Parameters
    ----------
    score : callable
        From images ``(batch, channel, row, column)`` to scores ``(batch,)``, through the prepared network.
    prepared : PreparedNetwork
        The network.
    layer : str
        The layer whose channels are weighted.
    image : Tensor
        ``(1, channel, row, column)``.

    Returns
    -------
    Tensor
        ``(row, column)``, linear between the units of the layer.

    Raises
    ------
    SeisdreamError
        If the layer's activations cannot be weighted (``not-supported``).
    """
    method = require_extra("captum.attr", "attribution", "Attribution").LayerGradCam
    network = prepared.network
    try:
        weighted = method(score, prepared.module.get_submodule(layer)).attribute(
            image.detach().clone().requires_grad_()
        )
    except (RuntimeError, AssertionError, KeyError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SeisdreamError(
            f"Grad-CAM cannot weight '{layer}' of {network.name}: {reason.rstrip('.')}. Use another `cam_layer` "
            f"(seisdream layers {network.name}).",
            code="not-supported",
            option="cam_layer",
        ) from error
    assert isinstance(weighted, torch.Tensor)
    units = weighted[0, 0].detach().double()
    size = tuple(image.shape[2:])
    grid = UnitGrid.of(network.layer(layer), tuple(units.shape), size, is_per_sample=True)
    return grid.to_samples(units, size)


def resolve_cam_layer(network: Network, target_layer: str, cam_layer: str | None) -> str:
    """Return the layer that Grad-CAM weights: before the target's, with positions.

    Raises
    ------
    SeisdreamError
        If the given layer does not come before the target or has no positions (``incompatible``), or there is no such
        layer (``not-supported``).
    """
    names = list(network.layers)
    before = [network.layers[name] for name in names[: names.index(target_layer)]]
    strides = {
        info.name: max(info.stride)
        for info in before
        if info.stride and info.start and info.has_positions and info.channel_axis == 1
    }
    if cam_layer is not None:
        network.layer(cam_layer)
        if cam_layer not in strides:
            raise SeisdreamError(
                f"`cam_layer` is {cam_layer}; it must come before '{target_layer}' and have rows and columns, such as "
                f"{', '.join(list(strides)[-3:]) or 'none here'}.",
                code="incompatible",
                option="cam_layer",
            )
        return cam_layer
    if not strides:
        raise SeisdreamError(
            f"Grad-CAM weights a layer before '{target_layer}', and {network.name} has none with rows and columns "
            "there; use `method=integrated-gradients`.",
            code="not-supported",
            option="method",
        )
    # The last one, as in the paper, that is coarse enough to depend on its surroundings. A bottleneck would miss what
    # bypasses it through skip connections.
    coarse = min(_COARSE_STRIDE, max(strides.values()))
    return [name for name, stride in strides.items() if stride >= coarse][-1]
