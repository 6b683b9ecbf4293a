"""From a section to the input of a network: grey levels, the lines next to it, and the statistics of normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.inference.surroundings import Surroundings, line_of, surroundings_of
from seisdream.inference.tensors import to_image_tensor
from seisdream.models.network import Network
from seisdream.models.normalisation import Statistics
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import GreyMapping, fill_absent


def network_input(
    prepared: PreparedNetwork,
    section: xr.DataArray,
    mapping: GreyMapping,
    around: Surroundings | None = None,
    *,
    device: str = "cpu",
) -> tuple[PreparedNetwork, torch.Tensor]:
    """Return a network bound to the statistics of a section, and the section as an image for it.

    Parameters
    ----------
    prepared : PreparedNetwork
        The network.
    section : DataArray
        ``(time, trace)`` or an image.
    mapping : GreyMapping
        From its amplitudes to grey levels.
    around : Surroundings, optional
        The volume that the section is from. Default: found in the file that the section was opened from.
    device : str, default "cpu"
        Where the image is needed.

    Returns
    -------
    PreparedNetwork
        Normalises this section, and every part and changed copy of it, alike.
    Tensor
        ``(1, channel, row, column)`` in grey levels that are not clipped; see `Preprocessing.clip`. A channel for each
        line where the network takes several and the section has neighbours.
    """
    values, absent = fill_absent(section)
    image = to_image_tensor(mapping.to_grey(values), clip=False, device=device)
    lines = neighbouring_lines(prepared.network, section, mapping, around, device=device)
    image = image if lines is None else lines
    statistics = statistics_of(prepared.network, [section], [mapping], image, ~absent, around)
    return prepared if statistics is None else prepared.with_statistics(statistics), image


def neighbouring_lines(
    network: Network,
    section: xr.DataArray,
    mapping: GreyMapping,
    around: Surroundings | None = None,
    *,
    device: str = "cpu",
) -> torch.Tensor | None:
    """Return a section between its neighbours, ``(1, line, row, column)`` in grey levels that are not clipped.

    None where the network takes one line, and where the section stands alone: then it is repeated.
    """
    n_lines = network.preprocessing.lines
    around = around or surroundings_of(section) if n_lines > 1 else None
    if around is None:
        return None
    lines = around.neighbours(line_of(section)[1], n_lines)
    lines[n_lines // 2] = section
    if any(one.shape != section.shape for one in lines):
        return None
    return torch.cat([to_image_tensor(mapping.to_grey(fill_absent(one)[0]), clip=False) for one in lines], 1).to(device)


def statistics_of(
    network: Network,
    sections: Sequence[xr.DataArray],
    mappings: Sequence[GreyMapping],
    images: torch.Tensor,
    is_present: NDArray,
    around: Surroundings | None = None,
) -> Statistics | None:
    """Return the statistics that a network normalises a batch of sections with, in grey levels.

    None where the normalisation is fixed, or is that of each window.

    Parameters
    ----------
    network : Network
        The network.
    sections, mappings : sequence of DataArray and of GreyMapping
        One for each image; their volumes are read where the network needs statistics of the volume.
    images : Tensor
        ``(batch, channel, *space)`` in grey levels that are not clipped.
    is_present : array
        Booleans shaped as the space: the samples that count.
    around : Surroundings, optional
        The volume of all sections.
    """
    preprocessing = network.preprocessing
    if not preprocessing.is_bound_once:
        return None
    # Blocks of a larger cube are normalised alike.
    is_block = around is not None and images.ndim == 5
    if preprocessing.statistics == "volume" or is_block:
        volumes = [around or surroundings_of(one) for one in sections]
        if all(volumes):
            each = [
                volume.statistics.mapped(mapping.low, mapping.units_per_grey)
                for volume, mapping in zip(volumes, mappings, strict=True)
                if volume is not None
            ]
            return Statistics(*(torch.cat(of_one) for of_one in zip(*each, strict=True)))
    return Statistics.of(images, is_present)


def notes_on_input(
    network: Network, section: xr.DataArray, around: Surroundings | None = None, layers: Sequence[str] = ()
) -> list[str]:
    """Return what limits a network's input, a sentence each.

    How a section is made to fit the network up to some layers, how the weights were loaded, and what a section that
    stands alone lacks.
    """
    size_note = network.note_on_size(section.shape[:2], layers) if layers else None
    return [*([size_note] if size_note else []), *network.notes, *_notes_on_volume(network, section, around)]


def _notes_on_volume(network: Network, section: xr.DataArray, around: Surroundings | None) -> list[str]:
    preprocessing = network.preprocessing
    needs_volume = preprocessing.is_bound_once and preprocessing.statistics == "volume"
    if not needs_volume and preprocessing.lines == 1:
        return []
    if around is not None or surroundings_of(section) is not None:
        return []
    notes = []
    if preprocessing.lines > 1:
        notes.append(
            f"{network.name} takes {preprocessing.lines} neighbouring lines, and the section stands alone: it is "
            "repeated in place of its neighbours. Open it from a volume for these."
        )
    if needs_volume:
        notes.append(
            f"{network.name} is normalised by the statistics of a volume, and the section stands alone: its own "
            "statistics are used. Open it from a volume for those."
        )
    return notes
