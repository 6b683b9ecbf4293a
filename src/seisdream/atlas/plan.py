"""Which layers and channels an atlas covers, and how large their patches are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from seisdream.atlas.settings import AtlasSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network

_SMALLEST_PATCH, _LARGEST_PATCH = 32, 96


@dataclass(frozen=True)
class Chapter:
    """A layer in the atlas.

    Attributes
    ----------
    layer : str
        Its name in the network.
    folder : str
        Its name on disk.
    n_channels : int
        How many of its channels, from the first, are in the atlas.
    patch : (int, int)
        Rows and columns of the real patches.
    """

    layer: str
    folder: str
    n_channels: int
    patch: tuple[int, int]


def plan_chapters(network: Network, settings: AtlasSettings, line_size: tuple[int, int]) -> list[Chapter]:
    """Return the layers of an atlas in the network's order.

    Parameters
    ----------
    network : Network
        Whose atlas it is.
    settings : AtlasSettings
        Which layers, and how many channels.
    line_size : (int, int)
        Samples and traces of a line of the data, no patch of which is larger.

    Raises
    ------
    SeisdreamError
        If a name fits no layer, or a layer's units have no positions on the section.
    """
    chapters, folders = [], set()
    for layer in _chosen(network, settings.layers):
        info = network.layer(layer)
        field = info.receptive_field or line_size
        # What a unit sees, and as much again around it.
        patch = [min(max(2 * side, _SMALLEST_PATCH), _LARGEST_PATCH, most)
                 for side, most in zip(field, line_size, strict=True)]  # fmt: skip
        folder = re.sub(r"[^\w.-]+", "-", layer).strip(".-") or "layer"
        while folder in folders:
            folder += "-"
        folders.add(folder)
        n_channels = min(info.n_channels, settings.channels_at_most or info.n_channels)
        chapters.append(Chapter(layer, folder, n_channels, (patch[0], patch[1])))
    return chapters


def _chosen(network: Network, names: tuple[str, ...]) -> list[str]:
    with_positions = [name for name, info in network.layers.items() if info.has_positions]
    if not names:
        direct = [name for name, _ in network.module.named_children()]
        # A stage that is a list of parts is not a layer, but its parts are.
        stages = [name for name in with_positions if name in direct]
        return stages or with_positions
    chosen = set()
    for name in names:
        fitting = {layer for layer in with_positions if fnmatchcase(layer, name)}
        if not fitting:
            info = network.layer(name)  # Which says what is near, where there is none of this name.
            raise SeisdreamError(
                f"The units of '{info.name}' see the whole section and lie nowhere on it, so no patch can be cut that "
                "excites them; choose layers with positions (--layers)."
            )
        chosen |= fitting
    return [name for name in network.layers if name in chosen]
