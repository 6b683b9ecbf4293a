"""`seisdream activations`: a layer's activations as an array, for analyses of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import (
    existing,
    expand_home,
    network_option,
    options_of,
    output_options,
    take,
    take_network_options,
    volume_options,
)
from seisdream.cli.report import notes_on_choice, report, show_notes, summary_of
from seisdream.errors import SeisdreamError
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions

if TYPE_CHECKING:
    import xarray as xr

_FIELDS = ("percentile", "precision", "device")


@command(
    examples={
        "Write the activations of a network's default layer": "seisdream activations sample:f3 --out enc5.npy",
        "Choose the layer and the line": "seisdream activations volume.sgy --inline 362 --layer enc3 --out enc3.npy",
        "Strengths of concepts": "seisdream activations line.sgy --network facies --concepts facies.concepts",
    }
)
@click.argument("input", metavar="INPUT")
@option("--layer", metavar="LAYER", title="Objective", help="A layer's name. [default: the network's default layer]")
@network_option()
@options_of(NetworkOptions)
@option(
    "--concepts",
    metavar="FOLDER",
    title="Network",
    help="Write the strengths of the concepts in a folder of `seisdream concepts` instead of channels.",
)
@options_of(InputOptions)
@options_of(PredictionSettings, only=_FIELDS)
@output_options("array", "LAYER.npy", segy=True)
def activations(
    input: str,
    network: str,
    layer: str | None,
    concepts: str | None,
    out: str | None,
    force: bool,
    segy: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Write the activations of a layer for a section as an array.

    The array is (channel, row, column) float32. FILE.npy comes with FILE.positions.npz: for each row and column of
    units, the position of their centres in the section, in samples counted from 0 (row, column) and in the section's
    own coordinates. Of a network for cubes and a SEG-Y volume it is (channel, time, inline, crossline).

    With --concepts, concepts take the place of channels. Of a SEG-Y section, FILE-NAME.sgy has the strength of each at
    every sample, in the units of the activations.
    """
    if out and not out.endswith(".npy"):
        raise SeisdreamError(f"`out` is {out}; it must end in .npy.", code="invalid", option="out")
    import numpy as np

    from seisdream.io.atomic import check_writable, writing_file
    from seisdream.io.inputs import open_section

    input_options, (weights, options) = take(InputOptions, values), take_network_options(values)
    checked = PredictionSettings(**take(PredictionSettings, values))
    settings = {name: getattr(checked, name) for name in _FIELDS}
    input = expand_home(input)

    from seisdream.inference.cubes import as_volume
    from seisdream.inference.recorder import record_activations
    from seisdream.models.registry import open_network

    loaded = open_network(expand_home(network), weights, options)
    if concepts is not None:
        from seisdream.representations.concepts import open_concepts

        loaded = open_concepts(expand_home(concepts), loaded)
        if layer not in (None, loaded.class_layer):
            raise SeisdreamError(
                f"The concepts in {concepts} are of '{loaded.class_layer}', not of '{layer}'; leave `layer` out.",
                code="incompatible",
                option="layer",
            )
        layer = loaded.class_layer
    like = None
    if loaded.n_spatial_dims == 3:
        data, notes = as_volume(input, loaded, **volume_options(input_options)), []
    else:
        data = section = open_section(input, **input_options)
        notes = notes_on_choice(section, input, input_options)
        if segy and concepts is not None and section.attrs.get("format") == "SEG-Y":
            like = section
    name = loaded.layer(layer or loaded.default_layer).name
    file = Path(expand_home(out) if out else name.replace("/", "-") + ".npy")
    positions_file = file.with_suffix(".positions.npz")
    inputs = existing(input, weights)
    segy_files = [] if like is None else _segy_files(file, loaded.classes, like)
    for path in (file, positions_file, *segy_files):
        check_writable(path, force, is_folder=False, inputs=inputs)
    recorded = record_activations(data, loaded, name, **settings)
    notes = [*notes, *recorded.attrs["notes"]]
    show_notes(notes, quiet=quiet)
    positions = {str(axis): coord.values for axis, coord in recorded.coords.items() if axis != "channel"}
    with writing_file(positions_file, force=force, inputs=inputs) as partial:
        np.savez(partial, **positions)
    with writing_file(file, force=force, inputs=inputs) as partial:
        np.save(partial, recorded.values)
    if like is not None:
        for path, concept, strength in zip(segy_files, loaded.classes, recorded, strict=True):
            _write_segy(path, f"strength of {concept} in {name} of {loaded.name}", strength, like, force=force)
    summary = summary_of(
        "activations",
        {"network": loaded.name, "layer": name, "shape": list(recorded.shape)},
        out=str(file),
        files=[file, positions_file, *segy_files],
        notes=notes,
        settings={"layer": name, **settings},
    )
    shape = " × ".join(str(size) for size in recorded.shape)
    rows = ("row", "column") if loaded.n_spatial_dims == 2 else recorded.dims[1:]
    axes = ", ".join(("channel", "token") if "token" in recorded.dims else ("channel", *map(str, rows)))
    report(summary, [f"{name} of {loaded.name}, {shape} ({axes}):"], quiet=quiet, as_json=as_json)


def _segy_files(file: Path, names: Sequence[str], section: xr.DataArray) -> list[Path]:
    from seisdream.io.segy import segy_ending
    from seisdream.results.writer import file_names

    return [file.with_name(f"{file.stem}-{name}{segy_ending(section)}") for name in file_names(names)]


def _write_segy(path: Path, what: str, strength: xr.DataArray, section: xr.DataArray, *, force: bool) -> None:
    """Write strengths at the samples of a section, interpolated between units."""
    from seisdream.io.segy import writing_segy_numbers
    from seisdream.io.segy.text_lines import PREDICTION_MARK
    from seisdream.provenance import version_of

    axes = {dim: section[dim].values for dim in section.dims}
    values = strength.interp(axes, kwargs={"fill_value": "extrapolate"}).clip(0.0).astype("float32").values
    line = f"{PREDICTION_MARK} {version_of('seisdream')}: {what}"
    with writing_segy_numbers(section, path, line=line, scope="section", force=force) as numbers:
        numbers.put(section.copy(data=values))
