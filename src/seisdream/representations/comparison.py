"""The comparison of two networks on the same sections: shared concepts, similar layers, predictions that differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.channels.top_activations import patch_size
from seisdream.dreaming.compatibility import n_octaves_for
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.terms import Layer
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.predict import predict
from seisdream.inference.recorder import record_activations
from seisdream.inference.section_source import SectionSource, open_sections
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.models.registry import as_network
from seisdream.representations.comparison_result import OTHER, NetworkComparison
from seisdream.representations.comparison_settings import ComparisonSettings
from seisdream.representations.dreams import STEPS, dream_concepts
from seisdream.representations.factorise import Factorisation
from seisdream.representations.network import ConceptNetwork
from seisdream.representations.shared import alignment, record_both, share_concepts
from seisdream.seismic.sections import absent_samples

_OCTAVES = 2

Progress = Callable[[str, int, int], None]


def compare_networks(
    first: Network | str,
    second: Network | str,
    data: Any,
    *,
    settings: ComparisonSettings | None = None,
    input_options: Mapping[str, Any] | None = None,
    progress: Progress = lambda step, done, total: None,
    **overrides: Any,
) -> NetworkComparison:
    """Compare what two networks have learned, on the same sections.

    The activations of a layer of each are factorised together, so that each concept is found in both networks or in
    one alone. All stages are compared by linear CKA, and predictions where the classes are the same.

    Parameters
    ----------
    first, second : Network or str
        Networks for sections, or their names.
    data : path, str, DataArray or Volume
        A volume, of which all inlines are used, or a section.
    settings : ComparisonSettings, optional
        All settings.
    input_options : mapping, optional
        How a file is opened, as for `seisdream.open_section`.
    progress : callable, optional
        Called with the step (``lines``, ``dreams``, ``differences``), how much of it is done, and how much there is.
    **overrides
        Fields of `ComparisonSettings`: ``layer``, ``other_layer``, ``concepts``, ``every``, ``percentile``,
        ``positions``, ``dreams``, ``size``, ``steps``, ``seed``, ``device``.

    Returns
    -------
    NetworkComparison
        ``comparison.save(folder)`` writes a page, tables and the record.

    Raises
    ------
    SeisdreamError
        If a network is for cubes or a layer has no positions (``not-supported``), or a layer does not exist
        (``unknown-name``).

    Examples
    --------
    >>> import seisdream as sd
    >>> section = sd.open_section("sample:built-in")[100:228, 200:328]
    >>> same = sd.compare_networks("gabor", "gabor", section, concepts=4, dreams=False)
    >>> same.summary()["both"]
    4
    """
    settings = ComparisonSettings.of(settings, overrides)
    networks = (as_network(first), as_network(second))
    for network in networks:
        network.require_sections()
    settings = _with_layers(networks, settings)
    source = open_sections(data, every=settings.every, percentile=settings.percentile, **(input_options or {}))
    layers = (str(settings.layer), str(settings.other_layer))
    device = resolve_device(settings.device, networks[0])
    prepared = [PreparedNetwork(network, device) for network in networks]
    _, recorded = record_both(
        prepared,
        [list(dict.fromkeys([*network.stages, layer])) for network, layer in zip(networks, layers, strict=True)],
        source,
        settings.positions,
        seed=settings.seed,
        on_line=lambda done, total: progress("lines", done, total),
    )
    activations = [one[layer] for one, layer in zip(recorded, layers, strict=True)]
    n_concepts = min(settings.concepts, sum(one.shape[1] for one in activations))
    concepts = share_concepts(activations[0], activations[1], n_concepts, seed=settings.seed)
    similarity = xr.DataArray(
        alignment(*recorded),
        dims=("first_layer", "second_layer"),
        coords={"first_layer": list(recorded[0]), "second_layer": list(recorded[1])},
    )
    line = source.open(len(source) // 2)
    maps = [
        _strengths_on(line, source, network, layer, factorisation, device)
        for network, layer, factorisation in zip(networks, layers, (concepts.first, concepts.second), strict=True)
    ]
    found = NetworkComparison(networks, settings, concepts, similarity, line, maps, source.mapping)
    _compare_predictions(found)
    if settings.dreams:
        _dream_concepts(found, prepared, progress)
        _dream_differences(found, source, progress)
    return found


def _with_layers(networks: tuple[Network, Network], settings: ComparisonSettings) -> ComparisonSettings:
    layer = settings.layer or networks[0].default_layer
    other = settings.other_layer or (layer if layer in networks[1].layers else networks[1].default_layer)
    for network, name, option in zip(networks, (layer, other), ("layer", "other_layer"), strict=True):
        if not network.layer(name).has_positions:
            raise SeisdreamError(
                f"Units of '{name}' in {network.name} depend on the whole section and have no position, so they are "
                f"not at the same positions in both networks; use an earlier layer (seisdream layers {network.name}).",
                code="not-supported",
                option=option,
            )
    return settings.replace(layer=layer, other_layer=other)


def _strengths_on(
    line: xr.DataArray, source: SectionSource, network: Network, layer: str, factorisation: Factorisation, device: str
) -> xr.DataArray:
    """Return the strength of each concept at the units over a line, ``(concept, time, trace)``."""
    of_concepts = ConceptNetwork(network, layer, factorisation, [str(one) for one in range(factorisation.n_concepts)])
    strengths = record_activations(
        line, of_concepts, layer, device=device, mapping=source.mapping, around=source.around
    )  # fmt: skip
    return strengths.rename(channel="concept")


def _compare_predictions(found: NetworkComparison) -> None:
    first, second = found.networks
    names = [tuple(one.classes) for one in found.networks]
    if None in (first.class_map_layer, second.class_map_layer) or not names[0] or names[0] != names[1]:
        found.notes.append(
            "The networks do not predict the same classes for each sample, so predictions are not compared."
        )
        return
    options = {"percentile": found.settings.percentile, "device": found.settings.device}
    classes = [predict(found.line, network, **options)["classes"].values for network in found.networks]
    found.differing = (classes[0] != classes[1]) & ~absent_samples(found.line)


def _dream_concepts(found: NetworkComparison, networks: list[PreparedNetwork], progress: Progress) -> None:
    """Dream of each concept, by the network that holds more of it."""
    settings, concepts = found.settings, found.concepts
    is_second = concepts.first_share < 0.5
    dreams: dict[int, NDArray[np.uint8]] = {}
    done, total = 0, len(concepts) * STEPS

    def on_step(n_dreams: int) -> None:
        nonlocal done
        done += n_dreams
        progress("dreams", min(done, total), total)

    each = (settings.layer, concepts.first, ~is_second), (settings.other_layer, concepts.second, is_second)
    for prepared, (layer, factorisation, is_own) in zip(networks, each, strict=True):
        numbers = np.flatnonzero(is_own)
        if not len(numbers):
            continue
        size = patch_size(prepared.network.layer(str(layer)), (found.line.shape[0], found.line.shape[1]))
        dreamed = dream_concepts(
            prepared, str(layer), factorisation.directions[numbers], size, found.line,
            percentile=settings.percentile, device=prepared.device.type, on_step=on_step,
        )  # fmt: skip
        dreams |= dict(zip(numbers.tolist(), dreamed, strict=True))
    found.dreams = [dreams[number] for number in range(len(concepts))]


def _dream_differences(found: NetworkComparison, source: SectionSource, progress: Progress) -> None:
    """Dream of the first layer minus the second, and the reverse, on the middle of the line."""
    settings, line = found.settings, found.line
    spans = [
        slice(max(0, (n - side) // 2), max(0, (n - side) // 2) + side)
        for n, side in zip(line.shape, settings.size, strict=False)
    ]
    found.part = line[spans[0], spans[1]]
    dreams = DreamSettings(
        octaves=n_octaves_for(found.part, found.networks, _OCTAVES), steps=settings.steps, step_size=4.0,
        seed=settings.seed, zoom=0.0, allow_undersized=True, percentile=settings.percentile, device=settings.device,
    )  # fmt: skip
    layers = (str(settings.layer), str(settings.other_layer))
    for first, second in ((0, 1), (1, 0)):
        # Terms of two networks are standardised by the dream itself.
        objective = Layer(layers[first]) - Layer(layers[second], network=OTHER)
        run = Dream(
            found.part, found.networks[first], objective, settings=dreams, mapping=source.mapping,
            networks={OTHER: found.networks[second]},
        ).run()  # fmt: skip
        found.differences.append(run.section)
        progress("differences", len(found.differences), 2)
