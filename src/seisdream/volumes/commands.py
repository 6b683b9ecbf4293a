"""What computes the blocks of each command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seisdream.models.network import Network
from seisdream.volumes.attributions import make_attribution
from seisdream.volumes.control_maps import make_controls
from seisdream.volumes.dreams import make_dream
from seisdream.volumes.kernel import Kernel
from seisdream.volumes.prediction import make_prediction
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.volume import Volume

_KERNELS: dict[str, Callable[..., Kernel]] = {
    "predict": make_prediction,
    "dream": make_dream,
    "controls": make_controls,
    "attribute": make_attribution,
}


def make_kernel(
    command: str, volume: Volume, network: Network, settings: Any, how: VolumeSettings, scale: AmplitudeScale
) -> Kernel:
    """Return what computes the blocks of a command.

    Parameters
    ----------
    command : {"predict", "dream", "controls", "attribute"}
        What is computed.
    volume, network, settings, how, scale
        As for `Kernel`.
    """
    return _KERNELS[command](volume, network, settings, how, scale)
