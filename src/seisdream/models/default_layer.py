"""The layer to dream on when none is named."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from seisdream.models.layers import LayerInfo

# Samples between units of the coarsest grid that is chosen.
_LARGEST_STRIDE = 16


def choose_default_layer(layers: Mapping[str, LayerInfo]) -> str:
    """Return the name of the layer to dream on.

    The last layer on the coarsest grid with a stride of at most 16 samples (as ``inception_4c`` of GoogLeNet, or the
    bottom of a U-Net); in a transformer, the last block there. If every layer has the input's resolution, most layers
    have no known grid, or all blocks of a transformer have the same grid: the layer or block two thirds of the way to
    the output.

    Parameters
    ----------
    layers : mapping of LayerInfo
        By name, in the order in which they are computed.
    """
    names = [name for name, info in layers.items() if info.returned is None] or list(layers)
    maps = [name for name in names if layers[name].has_positions] or names
    strides = {name: max(stride) for name in maps if (stride := layers[name].stride)}
    coarse = max((stride for stride in strides.values() if stride <= _LARGEST_STRIDE), default=1)
    is_transformer = any(info.tokens for info in layers.values())
    if is_transformer and (block := _middle_block(strides, coarse)):
        return block
    if coarse > 1 and 2 * len(strides) > len(maps):
        return [name for name, stride in strides.items() if stride == coarse][-1]
    return maps[2 * (len(maps) - 1) // 3]


def _middle_block(strides: dict[str, float], stride: float) -> str | None:
    """Return a block of a transformer on the grid of a stride: the last in its encoder, or two thirds of the way.

    Parameters
    ----------
    strides : dict of float
        Of the layers with positions, in order.
    stride : float
        The stride that is wanted.

    Returns
    -------
    str or None
        None if no block, which is a layer whose name ends in a number, is on that grid.
    """
    blocks = [name for name in strides if name.removesuffix("/patches").rpartition(".")[2].isdecimal()]
    encoder = list(itertools.takewhile(lambda name: strides[name] <= stride, blocks))
    fitting = [name for name in encoder if strides[name] == stride]
    if not fitting or len(fitting) < len(blocks):
        return fitting[-1] if fitting else None
    # All blocks have the same grid. Numbered parts of a block have longer names.
    depth = min(name.count(".") for name in fitting)
    fitting = [name for name in fitting if name.count(".") == depth]
    return fitting[2 * (len(fitting) - 1) // 3]
