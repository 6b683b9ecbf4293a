"""The comparison of two networks on the same sections: shared concepts, similar layers, predictions that differ."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.compatibility import n_octaves_for
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.feature_matching import Direction
from seisdream.dreaming.objectives.terms import Layer, Objective
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.predict import predict
from seisdream.inference.recorder import record_activations
from seisdream.inference.section_source import SectionSource, open_sections
from seisdream.io.images import image_url
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.models.registry import as_network
from seisdream.provenance import drawable, input_files, make_provenance, short_name
from seisdream.representations.comparison_settings import ComparisonSettings
from seisdream.representations.factorise import Factorisation
from seisdream.representations.shared import SharedConcepts, alignment, record_both, share_concepts
from seisdream.results.page import write_page
from seisdream.results.writer import writing_result
from seisdream.seismic.sections import GreyMapping, absent_samples

MARKER = "compare.json"
CONCEPT_COLUMNS = ("concept", "owner", "first_share", "agreement")
_OTHER = "other"
_PERCENTILE = 99.5
_OCTAVES = 2

Progress = Callable[[str, int, int], None]


def _ignore_progress(step: str, done: int, total: int) -> None:
    pass


@dataclass
class NetworkComparison:
    """What two networks have in common, and what only one of them has.

    Attributes
    ----------
    networks : (Network, Network)
        The two networks.
    settings : ComparisonSettings
        With both layers resolved.
    concepts : SharedConcepts
        Of the two layers.
    similarity : DataArray
        Linear CKA ``(first_layer, second_layer)`` of all stages.
    line : DataArray
        The middle line, which maps and predictions are of.
    maps : list of array
        For each network, strengths of the concepts on the line, ``(concept, row, column)``.
    dreams : dict of DataArray
        Of concepts by number, and of the difference of the layers by ``first - second`` and ``second - first``, on a
        part of the line.
    differing : array of bool, optional
        Where the networks predict different classes on the line; None where their classes are not the same.
    notes : list of str
        What was left out, and why.
    """

    networks: tuple[Network, Network]
    settings: ComparisonSettings
    concepts: SharedConcepts
    similarity: xr.DataArray
    line: xr.DataArray
    maps: list[NDArray[np.float32]]
    mapping: GreyMapping
    dreams: dict[str, xr.DataArray] = field(default_factory=dict)
    part: xr.DataArray | None = None
    differing: NDArray[np.bool_] | None = None
    notes: list[str] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        """Return for each concept its number, which network has it, its share in the first, and the agreement."""
        found = self.concepts
        return [
            {"concept": number, "owner": owner, "first_share": round(float(share), 4), "agreement": _rounded(agreement)}
            for number, (owner, share, agreement) in enumerate(
                zip(found.owner, found.first_share, found.agreement, strict=True)
            )
        ]

    def summary(self) -> dict[str, Any]:
        """Return the numbers of the comparison: concepts by owner, similarity of the two layers, share that differs."""
        owners = self.concepts.owner
        layers = {"first_layer": self.settings.layer, "second_layer": self.settings.other_layer}
        return {
            "both": owners.count("both"),
            "first_only": owners.count("first"),
            "second_only": owners.count("second"),
            "cka": _rounded(float(self.similarity.sel(layers))),
            "differing": None if self.differing is None else round(float(self.differing.mean()), 4),
        }

    def save(self, folder: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
        """Write ``index.html``, ``concepts.csv``, ``cka.csv`` and ``compare.json`` to a folder."""
        first, second = self.networks
        provenance = make_provenance(
            kind="comparison of networks",
            settings=self.settings,
            section=self.line,
            network=first,
            others={_OTHER: second},
            grey_mapping=self.mapping,
            result=self.summary(),
            notes=self.notes,
        )
        inputs = [*input_files(self.line.attrs.get("source"), first), *input_files(None, second)]
        with writing_result(
            folder, marker=MARKER, provenance=provenance, notes=self.notes, force=force, inputs=inputs
        ) as made:
            made.write_csv("concepts.csv", self.rows(), CONCEPT_COLUMNS)
            seconds = [str(one) for one in self.similarity["second_layer"].values]
            similar = [
                {"layer": str(layer)} | dict(zip(seconds, map(_rounded, row), strict=True))
                for layer, row in zip(self.similarity["first_layer"].values, self.similarity.values, strict=True)
            ]
            made.write_csv("cka.csv", similar, ("layer", *seconds))
            title = drawable(f"{short_name(first.name)} and {short_name(second.name)}")
            site = files("seisdream.representations").joinpath("site")
            write_page(
                made.path / "index.html",
                title=title,
                data=self._data(title),
                script=site.joinpath("comparison.js").read_text(encoding="utf-8"),
            )
        return made.paths

    def _data(self, title: str) -> dict[str, Any]:
        absent = absent_samples(self.line)
        grey = self.mapping.to_grey(self.line.values)
        grey[absent] = 127.5
        differing = None
        if self.differing is not None:
            shaded = np.repeat(grey.clip(0, 255)[..., None], 3, axis=2)
            shaded[self.differing] = 0.5 * shaded[self.differing] + 0.5 * np.array([216.0, 110.0, 30.0])
            differing = image_url(shaded)
        names = [short_name(one.name) for one in self.networks]
        return {
            "title": title,
            "names": names,
            "layers": [self.settings.layer, self.settings.other_layer],
            "notes": self.notes,
            "credit": [str(self.line.attrs[name]) for name in ("credit", "licence") if self.line.attrs.get(name)],
            "summary": self.summary(),
            "line": image_url(grey),
            "part": None if self.part is None else self._picture(self.part),
            "differing": differing,
            "concepts": [
                row | {
                    "maps": [_map_url(maps[row["concept"]]) for maps in self.maps],
                    "dream": self._dream(str(row["concept"])),
                }
                for row in self.rows()
            ],
            "differences": [
                {"name": f"{names[one]} − {names[other]}", "picture": self._dream(key)}
                for one, other, key in ((0, 1, "first - second"), (1, 0, "second - first"))
                if key in self.dreams
            ],
            "cka": {
                "first": self.similarity["first_layer"].values.tolist(),
                "second": self.similarity["second_layer"].values.tolist(),
                "values": [list(map(_rounded, row)) for row in self.similarity.values],
            },
        }  # fmt: skip

    def _picture(self, section: xr.DataArray) -> str:
        return image_url(self.mapping.to_grey(np.nan_to_num(section.values)))

    def _dream(self, key: str) -> str | None:
        return self._picture(self.dreams[key]) if key in self.dreams else None


def compare_networks(
    first: Network | str,
    second: Network | str,
    data: Any,
    *,
    settings: ComparisonSettings | None = None,
    input_options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
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
        Called with the step (``lines``, ``dreams``), how much of it is done, and how much there is.
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
    progress = progress or _ignore_progress
    layers = (str(settings.layer), str(settings.other_layer))
    device = resolve_device(settings.device, networks[0])
    _, recorded = record_both(
        [PreparedNetwork(network, device) for network in networks],
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
        _dream(found, source, progress)
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
) -> NDArray[np.float32]:
    values = record_activations(
        line, network, layer, device=device, mapping=source.mapping, around=source.around
    ).values
    found = factorisation.strengths(values.reshape(len(values), -1).T)
    return found.T.reshape(-1, *values.shape[1:])


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


def _dream(found: NetworkComparison, source: SectionSource, progress: Progress) -> None:
    """Dream of each concept by the network that has more of it, and of the difference of the two layers."""
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
    todo = list(_objectives(found))
    for done, (key, network, objective) in enumerate(todo, start=1):
        others = {
            one: found.networks[1 - found.networks.index(network)]
            for one in {term.network for term in objective.terms()}
            if one
        }
        run = Dream(found.part, network, objective, settings=dreams, mapping=source.mapping, networks=others).run()
        found.dreams[key] = run.section
        progress("dreams", done, len(todo))


def _objectives(found: NetworkComparison) -> Iterator[tuple[str, Network, Objective]]:
    layers = (str(found.settings.layer), str(found.settings.other_layer))
    for one, other, key in ((0, 1, "first - second"), (1, 0, "second - first")):
        # Terms of two networks are standardised by the dream itself.
        yield key, found.networks[one], Layer(layers[one]) - Layer(layers[other], network=_OTHER)
    for number, share in enumerate(found.concepts.first_share):
        index = 0 if share >= 0.5 else 1
        directions = (found.concepts.first, found.concepts.second)[index].directions
        yield str(number), found.networks[index], Direction(layers[index], vector=directions[number])


def _map_url(strengths: NDArray) -> str:
    """Return a map as a picture: white where a concept is absent, blue where it is strong."""
    share = np.clip(strengths / max(float(np.percentile(strengths, _PERCENTILE)), 1e-12), 0.0, 1.0)[..., None]
    return image_url(255.0 + share * (np.array([31.0, 90.0, 148.0]) - 255.0))


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
