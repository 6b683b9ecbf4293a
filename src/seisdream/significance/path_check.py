"""The path check: whether a dream takes, layer by layer, the way of real sections of its kind through a network.

After Geirhos, Zimmermann, Bilodeau, Brendel and Kim (2024), Don't trust your eyes: on the (un)reliability of feature
visualizations, ICML. They show that a network can compute its output for feature visualisations in units that natural
images never use; then a dream shows nothing of how the network processes real data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import ClassLogit, Objective
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.registry import as_network
from seisdream.results.dream_result import DreamResult
from seisdream.seismic.sections import GreyMapping, is_picture, make_section
from seisdream.significance.path_reference import PathReference
from seisdream.significance.path_result import PathCheck

_N_LINES = 4


def add_path_check(result: DreamResult, network: Network) -> None:
    """Add the path check to the provenance of a dream of a class, or a note why there is none.

    Networks that label whole images are left out: few real patches of seismic belong to their classes.
    """
    reference = None  # Variants are of one section and one class, so they share the real patches.
    for one in result.variants or (result,):
        terms = parse(one.settings.layer).terms() if one.settings.layer else ()
        is_of_class = len(terms) == 1 and isinstance(terms[0], ClassLogit) and not terms[0].network
        if one.is_volume or not is_of_class or network.class_map_layer is None:
            continue
        try:
            reference = reference or _reference_of(one, network, device=one.settings.device)
            one.provenance["result"]["path"] = reference.check_result(one).to_dict()
        except SeisdreamError as error:
            one.notes.append(str(error))


def check_path(
    result: DreamResult,
    network: Network | str,
    objective: str | Objective | None = None,
    *,
    sections: Sequence[xr.DataArray] = (),
    device: str = "auto",
) -> PathCheck:
    """Compare the way of a dream through a network with that of real sections of its kind.

    At each stage of the network, channels are averaged over the positions of the kind, patch by patch: where the
    network predicts the class of the dream, or in proportion to the activation of the dream's channel or direction. A
    dream is natural at a layer if its channel means correlate in rank with those of real patches at least as well as
    all but 5 % of the real patches do with one another.

    Real patches come from the section that was dreamed on and, because it seldom contains every class, from generated
    earths, and of a class that is rare there from more of these; of pictures from the picture alone.

    Parameters
    ----------
    result : DreamResult
        With its input, as `seisdream.dream` returns it.
    network : Network or str
        The network that dreamed.
    objective : str or Objective, optional
        What was dreamed; by default the layer of the result's settings.
    sections : sequence of DataArray, optional
        Real sections instead of the input and generated earths.
    device : str, default "auto"
        As for `seisdream.models.prepared.resolve_device`.

    Returns
    -------
    PathCheck
        By layer, with a conclusion in words such as ``natural from enc4 on``.

    Raises
    ------
    SeisdreamError
        If the objective is not one layer, channel, class or direction, or the dream is of a cube
        (``not-supported``), or there are too few real patches of its kind, or no dreamed one (``no-signal``).

    Examples
    --------
    >>> import seisdream as sd
    >>> dream = sd.dream(sd.open_section("sample:built-in"), "gabor", octaves=1, steps=1)
    >>> sd.check_path(dream, "gabor").n_real
    24
    """
    if result.is_volume or result.variants or "before" not in result.dataset:
        raise SeisdreamError(
            "The path check takes the dream of one section with its input, not a cube, variants or a loaded dream.",
            code="not-supported",
            option="result",
        )
    return _reference_of(result, as_network(network), objective, sections, device=device).check_result(result)


def _reference_of(
    result: DreamResult,
    network: Network,
    objective: str | Objective | None = None,
    sections: Sequence[xr.DataArray] = (),
    *,
    device: str,
) -> PathReference:
    """Return the real patches that a dream is compared with."""
    before = result.dataset["before"]
    return PathReference(
        network, objective if objective is not None else result.settings.layer, sections or [before], device=device,
        with_earths=not sections and not is_picture(before), percentile=result.settings.percentile,
    )  # fmt: skip


def natural_shares(
    network: Network,
    objectives: Sequence[Objective],
    open_line: Callable[[int], xr.DataArray],
    n_lines: int,
    dreams: Iterable[NDArray],
    *,
    percentile: float = 99.0,
    device: str = "auto",
) -> list[float | None]:
    """Return for each objective of a layer the share of layers up to it where its dream is natural.

    None where the lines have too few patches of its kind.

    Parameters
    ----------
    network : Network
        The network.
    objectives : sequence of Objective
        Channels or directions of one layer.
    open_line : callable
        Returns a line of the data by its number; real patches are from four of them at most, evenly spaced.
    n_lines : int
        Number of lines.
    dreams : iterable of array
        ``(time, trace)``, one of each objective.
    percentile, device
        As for `PathReference`.
    """
    numbers = np.unique(np.linspace(0, n_lines - 1, _N_LINES).round().astype(int))
    sections = [open_line(int(number)) for number in numbers]
    try:
        reference = PathReference(
            network, objectives, sections, with_earths=False, percentile=percentile, device=device
        )
    except SeisdreamError:
        return [None] * len(objectives)
    shares: list[float | None] = []
    for number, values in enumerate(dreams):
        dream = make_section(values)
        try:
            shares.append(round(reference.check(dream, GreyMapping.of(dream, percentile), number).share, 4))
        except SeisdreamError:
            shares.append(None)
    return shares
