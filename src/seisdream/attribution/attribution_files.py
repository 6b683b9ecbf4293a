"""What an attribution leaves behind: a folder of fixed names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.attribution.randomization_test import Sanity
from seisdream.attribution.settings import ATTRIBUTION_FILE
from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_folder
from seisdream.io.segy import writing_segy_numbers
from seisdream.io.segy.writing import ATTRIBUTION_MARK
from seisdream.models.network import Network
from seisdream.plotting.attributions import draw_attribution, draw_randomization_test
from seisdream.plotting.figures import write_figure
from seisdream.provenance import hash_file, input_files, line_name, machine, short_name, version_of
from seisdream.results.writer import file_names
from seisdream.seismic.sections import hash_section

TEXT_KEY = "seisdream-attribution"
ABSENT_ATTRIBUTION = 0.0
"""What SEG-Y holds for absent samples: they speak neither for nor against."""

_PACKAGES = ("seisdream", "captum", "torch", "numpy", "scipy", "xarray", "matplotlib")
_INPUT = (
    "network",
    "network_sha256",
    "layer",
    "target",
    "target_score",
    "percentile",
    "device",
    "grey_low",
    "grey_high",
)
_RESULT = ("score", "baseline_score", "attributed", "completeness_error")


def write_attribution(
    section: xr.DataArray,
    attribution: xr.DataArray,
    network: Network,
    folder: str | os.PathLike[str],
    *,
    region: xr.DataArray | None = None,
    sanity: Sanity | None = None,
    segy: bool = True,
    force: bool = False,
) -> list[Path]:
    """Write an attribution to a folder that appears whole or not at all.

    Parameters
    ----------
    section : DataArray
        What was looked at.
    attribution : DataArray
        As `attribute_section` returned it.
    network : Network
        What was asked.
    folder : path
        The folder to make.
    region : DataArray, optional
        ``(time, trace)``: where it was asked, for the figure; `Attributor.region`.
    sanity : Sanity, optional
        What random weights made of the map.
    segy : bool, default True
        For SEG-Y input, write the map as SEG-Y of the section's traces.
    force : bool, default False
        Replace the folder of an earlier attribution.

    Returns
    -------
    list of Path
        The files, in the folder's final place: ``attribution.npy``, ``figure.png``, ``attribution.json``;
        ``attribution.sgy`` for SEG-Y; ``sanity.png`` where there was a sanity check.

    Raises
    ------
    SeisdreamError
        If something is in the way or the disk refuses, or the two are of different shapes; then nothing is written.
    """
    if attribution.shape != section.shape[:2]:
        raise SeisdreamError(f"The map has {attribution.shape} samples, the section {section.shape[:2]}.")
    source = section.attrs.get("source")
    story = _story(section, attribution, network, region, sanity)
    inputs = input_files(source, network)
    with writing_folder(folder, force=force, inputs=inputs, marker=ATTRIBUTION_FILE) as partial:
        np.save(partial / "attribution.npy", np.ascontiguousarray(attribution.values), allow_pickle=False)
        if segy and section.attrs.get("format") == "SEG-Y":
            _write_segy(section, attribution, partial / "attribution.sgy")
        text = {TEXT_KEY: json.dumps(story, ensure_ascii=False)}
        figure = draw_attribution(
            section,
            attribution,
            target_mask=region,
            percentile=attribution.attrs["percentile"],
            title=_title(section, story),
        )
        write_figure(figure, partial / "figure.png", text=text)
        if sanity is not None:
            captions = {
                row.name: f"{row.name}: {row.signed:.2f} with signs, {row.strength:.2f} in strength"
                for row in sanity.rows
            }
            figure = draw_randomization_test(sanity.maps, {"trained": "as trained", **captions}, title=sanity.sentence)
            write_figure(figure, partial / "sanity.png", text=text)
        words = json.dumps(story, indent=2, ensure_ascii=False) + "\n"
        (partial / ATTRIBUTION_FILE).write_text(words, encoding="utf-8")
        names = sorted(path.relative_to(partial) for path in partial.iterdir())
    return [Path(folder) / name for name in names]


def _write_segy(section: xr.DataArray, attribution: xr.DataArray, path: Path) -> None:
    attrs = attribution.attrs
    # Few letters have room, and not every encoding has every sign.
    target = "-".join(file_names([attrs["target"].removeprefix("class:")]))
    line = f"{ATTRIBUTION_MARK} {version_of('seisdream')}: {target}, {attrs['method']}, {short_name(attrs['network'])}"
    with writing_segy_numbers(
        section, path, line=line, mark=ATTRIBUTION_MARK, scope="section", absent=ABSENT_ATTRIBUTION
    ) as file:
        file.put(attribution.assign_attrs(segy_sample=section.attrs.get("segy_sample")))


def _story(
    section: xr.DataArray,
    attribution: xr.DataArray,
    network: Network,
    region: xr.DataArray | None,
    sanity: Sanity | None,
) -> dict[str, Any]:
    """Return everything that makes an attribution again, and what came out."""
    source, attrs = section.attrs.get("source"), attribution.attrs
    opened = json.loads(section.attrs["opened"]) if "opened" in section.attrs else {}
    own = {name: value for name, value in attrs.items() if name not in (*_INPUT, *_RESULT, "seen_rows", "seen_columns")}
    story = {
        "input": {
            "source": source,
            "selection": section.attrs.get("selection"),
            "options": opened.get("options", {}),
            "samples_sha256": hash_section(section),
            "file_sha256": hash_file(section.attrs.get("segy_path", source)),
            "shape": list(section.shape),
            "credit": section.attrs.get("credit"),
            "licence": section.attrs.get("licence"),
        },
        "network": {
            "name": network.name,
            "weights": network.weights,
            "options": network.options,
            "sha256": attrs["network_sha256"],
            "credit": network.credit,
            "licence": network.licence,
        },
        "question": {
            "target": attrs["target"],
            "layer": attrs["layer"],
            "score": attrs["target_score"],
            "place": None if region is None else _place_of(region),
        },
        "settings": {**own, "percentile": attrs["percentile"], "device": attrs["device"]},
        "grey_mapping": {"low": attrs["grey_low"], "high": attrs["grey_high"]},
        "result": {
            **{name: attrs[name] for name in _RESULT if name in attrs},
            "seen_rows": list(attrs["seen_rows"]),
            "seen_columns": list(attrs["seen_columns"]),
        },
        "machine": machine(_PACKAGES),
    }
    return story if sanity is None else {**story, "sanity": sanity.as_dict()}


def _place_of(region: xr.DataArray) -> dict[str, Any]:
    """Return where was asked: how it was given, how many samples, and from where to where they lie."""
    asked = region.values > 0
    place: dict[str, Any] = {"given": region.attrs.get("source"), "samples": int(asked.sum())}
    for axis, dim in enumerate(region.dims):
        numbers = region[dim].values[asked.any(axis=1 - axis)]
        place[str(dim)] = [float(numbers.min()), float(numbers.max())]
    return place


def _title(section: xr.DataArray, story: dict[str, Any]) -> str:
    question, result = story["question"], story["result"]
    what = f"what speaks for {question['target']} in {short_name(story['network']['name'])}"
    # A space that no line breaks at stands before the number.
    how = f"{story['settings']['method']}, {question['score']}\N{NO-BREAK SPACE}{result['score']:.3g}"
    return ": ".join(filter(None, [line_name(section), f"{what} ({how})"]))
