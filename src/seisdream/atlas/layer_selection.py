"""Which layers and channels an atlas covers, and how large their patches are."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from seisdream.atlas.settings import AtlasSettings, folder_name
from seisdream.channels.top_activations import patch_size
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network


@dataclass(frozen=True)
class AtlasLayer:
    """A layer in the atlas.

    Attributes
    ----------
    name : str
        Its name in the network.
    folder : str
        Its name on disk.
    n_channels : int
        Channels in the atlas, from the first.
    patch : (int, int)
        Rows and columns of its patches of data.
    """

    name: str
    folder: str
    n_channels: int
    patch: tuple[int, int]


def select_layers(network: Network, settings: AtlasSettings, line_size: tuple[int, int]) -> list[AtlasLayer]:
    """Return the layers of an atlas in the order of the network.

    Parameters
    ----------
    network : Network
        The network.
    settings : AtlasSettings
        Names of layers, and how many channels.
    line_size : (int, int)
        Samples and traces of a line of the data, which no patch exceeds.

    Raises
    ------
    SeisdreamError
        If a name matches no layer (``unknown-name``), or a layer's units have no positions (``not-supported``).
    """
    selected, folders = [], set()
    for name in _matching(network, settings.layers):
        info = network.layer(name)
        folder = folder_name(name)
        while folder in folders:
            folder += "-"
        folders.add(folder)
        n_channels = min(info.n_channels, settings.channels_at_most or info.n_channels)
        selected.append(AtlasLayer(name, folder, n_channels, patch_size(info, line_size)))
    return selected


def _matching(network: Network, names: tuple[str, ...]) -> list[str]:
    if not names:
        return network.stages
    with_positions = [name for name, info in network.layers.items() if info.has_positions]
    chosen = set()
    for name in names:
        fitting = {layer for layer in with_positions if fnmatchcase(layer, name)}
        if not fitting:
            info = network.layer(name)  # Raises with near matches if there is none of this name.
            raise SeisdreamError(
                f"Units of '{info.name}' depend on the whole section and have no position, so no patch can be cut "
                "around them; use `layers` with positions.",
                code="not-supported",
                option="layers",
            )
        chosen |= fitting
    return [name for name in network.layers if name in chosen]
