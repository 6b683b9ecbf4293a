"""What the comparison of two networks found, and the page and tables that it is written to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.io.images import image_url
from seisdream.models.network import Network
from seisdream.provenance import drawable, input_files, make_provenance, short_name
from seisdream.representations.comparison_settings import ComparisonSettings
from seisdream.representations.shared import SharedConcepts
from seisdream.results.page import write_page
from seisdream.results.writer import writing_result
from seisdream.seismic.sections import GreyMapping, absent_samples

MARKER = "compare.json"
OTHER = "other"
"""Name of the second network in the record, and in the objective of a difference."""
CONCEPT_COLUMNS = ("concept", "owner", "first_share", "agreement")


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
    maps : list of DataArray
        For each network, strengths of the concepts at its units over the line, ``(concept, time, trace)``.
    mapping : GreyMapping
        From amplitudes of the line to grey levels.
    dreams : list of array
        Of each concept as grey levels, uint8 ``(sample, trace)``, by the network that holds more of it.
    part : DataArray, optional
        The part of the line that the differences are dreamed on.
    differences : list of DataArray
        Dreams of the first layer minus the second, and of the second minus the first.
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
    maps: list[xr.DataArray]
    mapping: GreyMapping
    dreams: list[NDArray[np.uint8]] = field(default_factory=list)
    part: xr.DataArray | None = None
    differences: list[xr.DataArray] = field(default_factory=list)
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
            others={OTHER: second},
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
        from seisdream.plotting.concepts import maps_on_section

        absent = absent_samples(self.line)
        grey = self.mapping.to_grey(self.line.values)
        grey[absent] = 127.5
        differing = None
        if self.differing is not None:
            shaded = np.repeat(grey.clip(0, 255)[..., None], 3, axis=2)
            shaded[self.differing] = 0.5 * shaded[self.differing] + 0.5 * np.array([216.0, 110.0, 30.0])
            differing = image_url(shaded)
        names = [short_name(one.name) for one in self.networks]
        maps = [maps_on_section(one, self.line, self.settings.percentile) for one in self.maps]
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
                    "maps": [image_url(each[row["concept"]]) for each in maps],
                    "dream": image_url(self.dreams[row["concept"]]) if self.dreams else None,
                }
                for row in self.rows()
            ],
            "differences": [
                {"name": " − ".join(order), "picture": self._picture(dream)}
                for order, dream in zip((names, names[::-1]), self.differences, strict=False)
            ],
            "cka": {
                "first": self.similarity["first_layer"].values.tolist(),
                "second": self.similarity["second_layer"].values.tolist(),
                "values": [list(map(_rounded, row)) for row in self.similarity.values],
            },
        }  # fmt: skip

    def _picture(self, section: xr.DataArray) -> str:
        return image_url(self.mapping.to_grey(np.nan_to_num(section.values)))


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
