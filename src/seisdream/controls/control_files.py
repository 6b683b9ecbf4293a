"""What controls leave behind: a folder of fixed names."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.controls.permutation import ControlResult, Reaction
from seisdream.controls.report import summarize
from seisdream.controls.settings import CONTROLS_FILE
from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_folder
from seisdream.io.segy import writing_segy_numbers
from seisdream.io.segy.writing import CONTROLS_MARK
from seisdream.models.network import Network
from seisdream.plotting.controls import ControlsPanel, draw_controls
from seisdream.plotting.figures import write_figure
from seisdream.provenance import hash_file, hash_samples, input_files, line_name, machine_record, short_name, version_of
from seisdream.seismic.sections import absent_samples

TEXT_KEY = "seisdream-controls"
_WORDS = {"activation": "Activation", "dream": "Dream's change"}


def write_controls(
    section: xr.DataArray,
    controlled: ControlResult,
    network: Network,
    folder: str | os.PathLike[str],
    *,
    segy: bool = True,
    force: bool = False,
) -> list[Path]:
    """Write controls to a folder that appears whole or not at all.

    Parameters
    ----------
    section : DataArray
        What was looked at.
    controlled : Controlled
        As `Controls` returned it.
    network : Network
        What was asked.
    folder : path
        The folder to make.
    segy : bool, default True
        For SEG-Y input, write every map as SEG-Y of the section's traces.
    force : bool, default False
        Replace the folder of earlier controls.

    Returns
    -------
    list of Path
        The files, in the folder's final place: for each map of `controlled` its ``.npy`` (and ``.sgy`` for SEG-Y), such
        as ``dream-effect.npy``; ``regions.csv``, ``figure.png``, ``controls.json``.

    Raises
    ------
    SeisdreamError
        If something is in the way or the disk refuses, or the two are of different shapes; then nothing is written.
    """
    shape = tuple(controlled.maps.sizes.values())
    if shape != section.shape[:2]:
        raise SeisdreamError(f"The maps have {shape} samples, the section {section.shape[:2]}.")
    story = _story(section, controlled, network)
    inputs = input_files(section.attrs.get("source"), network)
    with writing_folder(folder, force=force, inputs=inputs, marker=CONTROLS_FILE) as partial:
        for name, map_ in controlled.maps.items():
            file = str(name).replace("_", "-")
            np.save(partial / f"{file}.npy", np.ascontiguousarray(map_.values), allow_pickle=False)
            if segy and section.attrs.get("format") == "SEG-Y":
                _write_segy(section, map_, partial / f"{file}.sgy", f"{file} of {short_name(network.name)}")
        _write_regions(section, controlled, partial / "regions.csv")
        figure = draw_controls(
            section,
            panels_of(controlled),
            is_significant=called_anywhere(controlled),
            percentile=controlled.settings.percentile,
            title=": ".join(
                filter(None, [line_name(section), f"{short_name(network.name)}, {controlled.settings.layer}"])
            ),
        )
        write_figure(figure, partial / "figure.png", text={TEXT_KEY: json.dumps(story, ensure_ascii=False)})
        words = json.dumps(story, indent=2, ensure_ascii=False) + "\n"
        (partial / CONTROLS_FILE).write_text(words, encoding="utf-8")
        names = sorted(path.relative_to(partial) for path in partial.iterdir())
    return [Path(folder) / name for name in names]


def panels_of(controlled: ControlResult) -> list[ControlsPanel]:
    """Return the maps of a figure: of each measure the effect for the network asked and one with random weights."""
    panels = []
    first = controlled.maps[next(iter(controlled.maps))]
    is_live = np.isfinite(first.values)
    for measure, (asked, *others) in controlled.reactions.items():
        shown = [asked, *[other for other in others if other.role == "random"][:1]]
        for reaction in shown:
            effect = controlled.windows.spread(np.nan_to_num(reaction.windows.effect), is_live.shape)
            map_ = first.copy(data=np.where(is_live, effect, np.nan)).assign_attrs(
                units="standard deviations of chance"
            )
            called = _as_samples(controlled, reaction.called(controlled.settings.q))
            panels.append(ControlsPanel(f"{_WORDS[measure]}, {short_name(reaction.network)}", map_, called))
    if "stability" in controlled.maps:
        title = f"Stability of the dream over {controlled.settings.seeds} seeds"
        panels.append(ControlsPanel(title, controlled.maps.stability, largest=1.0))
    return panels


def _as_samples(controlled: ControlResult, regions: NDArray) -> NDArray:
    """Return values of regions at each of their samples, ``(time, trace)``."""
    heights, widths = (np.diff(spans)[:, 0] for spans in (controlled.regions.rows, controlled.regions.columns))
    return np.repeat(np.repeat(regions, heights, axis=0), widths, axis=1)


def called_anywhere(controlled: ControlResult) -> NDArray:
    """Return which samples lie in a region that is called by any measure of the network asked, ``(time, trace)``."""
    called = [asked.called(controlled.settings.q) for asked, *_ in controlled.reactions.values()]
    return _as_samples(controlled, np.any(called, axis=0))


def _write_segy(section: xr.DataArray, map_: xr.DataArray, path: Path, what: str) -> None:
    line = f"{CONTROLS_MARK} {version_of('seisdream')}: {what}"
    # Where nothing is there, nothing stands out.
    absent = 1.0 if str(map_.name).endswith("_q") else 0.0
    with writing_segy_numbers(section, path, line=line, mark=CONTROLS_MARK, scope="section", absent=absent) as file:
        file.put(map_.assign_coords(section.coords).assign_attrs(segy_sample=section.attrs.get("segy_sample")))


def _write_regions(section: xr.DataArray, controlled: ControlResult, path: Path) -> None:
    """Write a line for each region: where it lies, from first to last sample, and what each network makes of it."""
    regions = controlled.regions
    dims = [str(dim) for dim in section.dims[:2]]
    down, across = (section[dim].values for dim in dims)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        edges = [f"{dim}_{end}" for dim in dims for end in ("first", "last")]
        rows.writerow([*edges, "measure", "network", "effect", "p", "q", "familywise_p", "called"])
        for measure, reactions in controlled.reactions.items():
            for reaction in reactions:
                found, called = reaction.regions, reaction.called(controlled.settings.q)
                for row, column in np.argwhere(np.isfinite(found.effect)).tolist():
                    top, bottom = regions.rows[row]
                    left, right = regions.columns[column]
                    place = (down[top], down[bottom - 1], across[left], across[right - 1])
                    numbers = (found.effect, found.p, found.q, found.familywise)
                    rows.writerow(
                        [
                            *(f"{number:.12g}" for number in place),
                            measure,
                            reaction.network,
                            *(f"{values[row, column]:.6g}" for values in numbers),
                            int(called[row, column]),
                        ]
                    )


def _story(section: xr.DataArray, controlled: ControlResult, network: Network) -> dict[str, Any]:
    """Return everything that makes controls again, and what came out."""
    source = section.attrs.get("source")
    opened = json.loads(section.attrs["opened"]) if "opened" in section.attrs else {}
    return {
        "verdict": summarize(controlled),
        "input": {
            "source": source,
            "selection": section.attrs.get("selection"),
            "options": opened.get("options", {}),
            "samples_sha256": hash_samples(section),
            "file_sha256": hash_file(section.attrs.get("segy_path", source)),
            "shape": list(section.shape),
            "absent_samples": int(absent_samples(section).sum()),
            "credit": section.attrs.get("credit"),
            "licence": section.attrs.get("licence"),
        },
        "network": {
            "name": network.name,
            "weights": network.weights,
            "options": network.options,
            "sha256": network.sha256,
            "credit": network.credit,
            "licence": network.licence,
        },
        "settings": asdict(controlled.settings),
        "notes": controlled.notes,
        "result": {
            measure: [_summary(controlled, measure, reaction) for reaction in reactions]
            for measure, reactions in controlled.reactions.items()
        },
        "stability": controlled.stability,
        "machine": machine_record(),
    }


def _summary(controlled: ControlResult, measure: str, reaction: Reaction) -> dict[str, Any]:
    regions = reaction.regions
    return {
        "network": reaction.network,
        "role": reaction.role,
        "n_regions": int(np.isfinite(regions.effect).sum()),
        **controlled.shared(measure, reaction),
        "greatest_effect": float(np.nanmax(regions.effect)),
        "section_p": regions.section_p,
        "mean": {
            "section": reaction.section_mean,
            controlled.settings.null: reaction.surrogate_mean,
            **reaction.others,
        },
    }
