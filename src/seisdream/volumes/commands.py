"""What computes the tasks of each command."""

from __future__ import annotations

from typing import Any

from seisdream.models.network import Network
from seisdream.volumes.dreams import make_dream
from seisdream.volumes.prediction import make_prediction
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.volume import Volume

_KERNELS: dict[str, Any] = {"predict": make_prediction, "dream": make_dream}


def make_kernel(
    command: str, volume: Volume, network: Network, settings: Any, how: VolumeSettings, scale: AmplitudeScale
) -> Any:
    """Return what computes the tasks of a command.

    Parameters
    ----------
    command : {"predict", "dream"}
        What is computed.
    volume : Volume
        The input.
    network : Network
        The network.
    settings : Settings
        Of the command.
    how : VolumeSettings
        Direction, blocks and number formats.
    scale : AmplitudeScale
        Of the volume.
    """
    return _KERNELS[command](volume, network, settings, how, scale)
