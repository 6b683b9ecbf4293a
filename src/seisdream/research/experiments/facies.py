"""Question 1: what if we train the network on seismic facies? Dreams, rated by classifiers that did not dream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.channels.channel_attribution import gradient_times_activation
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.errors import SeisdreamError
from seisdream.evaluation.test_sets import HELD_OUT_SEED
from seisdream.io.inputs import open_section
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import (
    DEFAULT_LINE,
    DEFAULT_NETWORK,
    ROBUST_NETWORK,
    Experiment,
    Outcome,
    Progress,
    ProgressCounter,
    line_name,
)
from seisdream.research.experiments.dream_ratings import (
    CLASSES,
    CLASSIFIER_WIDTHS,
    EARTHS_PER_SEED,
    Dreamer,
    Ratings,
    labelled_section,
    make_classifiers,
)
from seisdream.research.experiments.facies_gains import (
    MIN_GAIN,
    mean_gain_by_facies,
    measure_agreement,
    measure_gains,
    own_gain,
)
from seisdream.research.experiments.facies_page import make_page
from seisdream.research.independent_classifiers import ATTRIBUTES
from seisdream.research.plotting.facies import draw_gains, draw_sheet
from seisdream.results.presets import PRESETS
from seisdream.seismic.sections import GreyMapping

LAYERS = ("enc2", "enc3", "enc4", "enc5", "enc6")
GOOGLENET = "googlenet"
GOOGLENET_LAYERS = ("conv2/3x3", "inception_3b/output", "inception_4c/output", "inception_5a/output")
STEPS = (1, 5, 20)
"""Steps per octave at which dreams on a class are rated."""

SEISMIC, ORIGINAL = "seismic", "2015"
"""Presets: the default for amplitudes, and the recipe of the post, in which nothing but the network is constrained."""


@dataclass(frozen=True)
class FaciesSize:
    """Size of a run.

    Attributes
    ----------
    n_sections : int
        Sections to dream on.
    side : int
        Side of these sections in samples.
    training_steps, training_earths : int
        Steps of the independent network's training, and earths for it.
    n_attribute_sections : int
        Sections to fit the attribute classifier on.
    max_sheet_side : int, default 2000
        Longest side of the real section of the sheet in samples.
    steps : tuple of int
        Steps per octave to compare.
    layers : tuple of str
        Layers of the segmentation networks.
    """

    n_sections: int
    side: int
    training_steps: int
    training_earths: int
    n_attribute_sections: int
    max_sheet_side: int = 2000
    steps: tuple[int, ...] = STEPS
    layers: tuple[str, ...] = LAYERS


def run(
    *,
    network: str,
    seed: int,
    size: FaciesSize,
    progress: Progress,
    line: str | None = None,
    photos: str | None = None,
) -> Outcome:
    """Dream with several networks, and let independent classifiers rate the dreams; see `Experiment`."""
    dreamers, notes = open_dreamers(network, photos)
    title, real_line = _open_line(line, size)
    earths = GeneratedEarths(HELD_OUT_SEED, size=size.side, augmentation=None)
    sections = [labelled_section(earths, seed * EARTHS_PER_SEED + n)[0] for n in range(size.n_sections)]
    layers = {
        name: [layer for layer in (*size.layers, *GOOGLENET_LAYERS) if layer in dreamer.network.layers]
        for name, dreamer in dreamers.items()
    }
    with_classes = [name for name, dreamer in dreamers.items() if tuple(dreamer.network.classes or ()) == CLASSES]
    steps = int(PRESETS[SEISMIC]["steps"])
    other_steps = [n for n in size.steps if n != steps]
    n_class_dreams = len(CLASSES) * (len(with_classes) + len(other_steps) + len(layers[network]))
    n_layers = sum(map(len, layers.values()))
    n_dreams = len(sections) * (n_class_dreams + n_layers) + n_layers
    counter = ProgressCounter(progress, size.training_steps + n_dreams)
    classifiers, classifier_scores = make_classifiers(
        seed,
        counter,
        n_steps=size.training_steps,
        n_earths=size.training_earths,
        side=size.side,
        n_attribute_sections=size.n_attribute_sections,
        n_tests=4 * size.n_sections,
    )
    ratings = Ratings.of(sections, classifiers)

    main, objectives = dreamers[network], [f"class:{name}" for name in CLASSES]
    by_dreamer = {name: ratings.gains(dreamers[name], objectives, counter, seed=seed) for name in with_classes}
    by_steps = {n: ratings.gains(main, objectives, counter, seed=seed, steps=n) for n in other_steps}
    by_steps[steps] = by_dreamer[network]
    channels = _find_class_channels(main.network, sections, layers[network])
    by_layer = {layer: ratings.gains(main, names, counter, seed=seed) for layer, names in channels.items()}
    undirected = {name: ratings.gains(one, layers[name], counter, seed=seed) for name, one in dreamers.items()}
    sheet = {
        name: {layer: dreamer.dream(real_line, layer, seed=seed) for layer in counter.over(layers[name])}
        for name, dreamer in dreamers.items()
    }
    results: dict[str, Any] = {
        "size": asdict(size),
        "networks": {dreamer.network.name: dreamer.network.sha256 for dreamer in dreamers.values()},
        "dreamers": {
            name: {"network": dreamer.network.name, "preset": dreamer.preset} for name, dreamer in dreamers.items()
        },
        "notes": notes,
        "classes": list(CLASSES),
        "classifiers": classifier_scores,
        "classifier_widths": list(CLASSIFIER_WIDTHS),
        "attributes": list(ATTRIBUTES),
        "line": title,
        "presets": {name: PRESETS[name] for name in (SEISMIC, ORIGINAL)},
        "min_gain": MIN_GAIN,
        "by_dreamer": {name: measure_gains(gains, seed) for name, gains in by_dreamer.items()},
        "by_facies": {name: mean_gain_by_facies(gains, CLASSES) for name, gains in by_dreamer.items()},
        "by_steps": {str(n): measure_gains(by_steps[n], seed) for n in sorted(by_steps)},
        "by_layer": {layer: measure_gains(gains, seed) for layer, gains in by_layer.items()},
        "channels": channels,
        "undirected": {
            name: {
                layer: measure_agreement([one[:, n] for one in gains.values()], CLASSES, seed)
                for n, layer in enumerate(layers[name])
            }
            for name, gains in undirected.items()
        },
        "earths": [HELD_OUT_SEED, seed * EARTHS_PER_SEED, seed * EARTHS_PER_SEED + size.n_sections - 1],
    }
    figures = {
        "sheet": draw_sheet(title, real_line, sheet),
        "gains": draw_gains(results["by_steps"], results["by_layer"], results["by_dreamer"]),
    }
    return Outcome(results, figures, {"gains": _gains_table(by_dreamer)})


def open_dreamers(network: str, photos: str | None) -> tuple[dict[str, Dreamer], list[str]]:
    """Return the networks that dream, each with its recipe, by name, and notes on those that are left out.

    The first is the network with the preset ``seismic``. The others differ from it in the preset, the weights, or both.

    Parameters
    ----------
    network : str
        A network that predicts the facies of `CLASSES`.
    photos : path, optional
        GoogLeNet's weights; fetched by default.

    Raises
    ------
    SeisdreamError
        If the network predicts other classes, or the weights given cannot be used.
    """
    main = load_network(network)
    if tuple(main.classes or ()) != CLASSES:
        raise SeisdreamError(
            f"{network} does not predict the ten facies; `network` must be facies-robust, facies, or a network that "
            "`seisdream train --preset facies` wrote.",
            code="incompatible",
            option="network",
        )
    networks = {name: load_network(name) for name in dict.fromkeys((network, DEFAULT_NETWORK))}
    dreamers = {
        name if preset == SEISMIC else f"{name}, preset {preset}": Dreamer(one, preset)
        for name, one in networks.items()
        for preset in (SEISMIC, ORIGINAL)
    }
    dreamers |= {name: Dreamer(load_network(name), SEISMIC) for name in (f"{network}@random", "f3-intervals")}
    notes = []
    try:
        dreamers[GOOGLENET] = Dreamer(load_network(GOOGLENET, weights=photos, progress=False), ORIGINAL)
    except SeisdreamError as error:
        if photos is not None:
            raise
        notes.append(f"GoogLeNet is left out, because its weights are not available (`--photos FILE`): {error}")
    return dreamers, notes


def _find_class_channels(
    network: Network, sections: Sequence[xr.DataArray], layers: Sequence[str]
) -> dict[str, list[str]]:
    """Return for each layer the channel with the greatest attribution to each class, as objectives."""
    prepared = PreparedNetwork(network, "cpu", "float32")
    by_section = [
        gradient_times_activation(prepared, layers, section, GreyMapping.of(section), range(len(CLASSES)))
        for section in sections
    ]
    totals = {layer: np.sum([effects[layer] for effects in by_section], axis=0) for layer in layers}
    return {layer: [f"{layer}:{channel}" for channel in totals[layer].argmax(0)] for layer in layers}


def _open_line(line: str | None, size: FaciesSize) -> tuple[str, xr.DataArray]:
    """Return name and values of the section of the sheet: a real line or, if F3 is not available, the built-in one."""
    try:
        section = open_section(line or DEFAULT_LINE)
    except SeisdreamError:
        if line is not None:
            raise
        return "the built-in section (F3 is not available)", open_section("sample:built-in")
    first = max(0, (section.shape[1] - size.max_sheet_side) // 2)
    return line_name(line), section[-size.max_sheet_side :, first : first + size.max_sheet_side]


def _gains_table(by_dreamer: Mapping[str, Mapping[str, NDArray]]) -> list[dict[str, Any]]:
    return [
        {"dreamer": name, "classifier": classifier, "section": section, "facies": facies, "gain": float(gain)}
        for name, by_classifier in by_dreamer.items()
        for classifier, gains in by_classifier.items()
        for section, of_section in enumerate(own_gain(gains))
        for facies, gain in zip(CLASSES, of_section, strict=True)
    ]


EXPERIMENT = Experiment(
    "What if we train the network on seismic facies?",
    run,
    make_page,
    quick=FaciesSize(1, 96, 60, 48, 16, 128, steps=(1, 20), layers=("enc2", "enc4", "enc6")),
    full=FaciesSize(4, 160, 1200, 600, 96, 384),
    unit="dream or step",
    page_name="facies-dreams",
    network=ROBUST_NETWORK,
    inputs=("line", "photos"),
)
