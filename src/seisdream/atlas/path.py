"""The path check of an atlas: at how many layers the dream of each channel goes as the data's own patches do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from seisdream.atlas.layer_selection import AtlasLayer
from seisdream.dreaming.objectives.terms import Channel
from seisdream.errors import SeisdreamError
from seisdream.inference.section_source import SectionSource
from seisdream.models.network import Network
from seisdream.seismic.sections import GreyMapping, make_section
from seisdream.significance.path_check import PathReference

N_LINES = 4
"""Lines that real patches are from, at most, evenly spaced."""


def natural_shares(
    network: Network,
    layer: AtlasLayer,
    lines: SectionSource,
    dreams: Iterable[NDArray],
    *,
    percentile: float,
    device: str,
) -> list[float | None]:
    """Return for each channel of a layer the share of layers up to it where its dream is natural.

    None where the data have too few patches in which the channel is active, as `seisdream.check_path` needs.
    """
    numbers = np.unique(np.linspace(0, len(lines) - 1, N_LINES).round().astype(int))
    try:
        reference = PathReference(
            network,
            [Channel(layer.name, channel) for channel in range(layer.n_channels)],
            [lines.open(int(number)) for number in numbers],
            with_earths=False,
            percentile=percentile,
            device=device,
        )
    except SeisdreamError:
        return [None] * layer.n_channels
    shares: list[float | None] = []
    for channel, values in enumerate(dreams):
        dream = make_section(values)
        try:
            shares.append(round(reference.check(dream, GreyMapping.of(dream, percentile), channel).share, 4))
        except SeisdreamError:
            shares.append(None)
    return shares
