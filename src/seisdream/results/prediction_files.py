"""What a prediction leaves behind: a folder of fixed names, of one section or of a whole volume."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.inference.predict import ABSENT_CLASS, Predictor
from seisdream.inference.prediction_settings import PREDICTION_FILE, PredictionSettings
from seisdream.inference.tta import sample_augmentations
from seisdream.io.atomic import writing_folder
from seisdream.io.axes import line_in_name
from seisdream.io.segy import SegyVolume, writing_segy_numbers
from seisdream.io.segy.writing import PREDICTION_MARK
from seisdream.models.network import Network
from seisdream.plotting.classes import colours_of, draw_classes
from seisdream.plotting.figures import write_figure
from seisdream.provenance import hash_file, hash_samples, input_files, line_name, machine_record, short_name, version_of

# Not the key of a dream, because there is no recipe to replay.
TEXT_KEY = "seisdream-prediction"
ABSENT_NUMBER = -1.0
"""What SEG-Y holds for probability, entropy and uncertainty of absent samples."""

_SETTINGS = tuple(setting.name for setting in fields(PredictionSettings))
_MAPS = ("classes", "entropy", "uncertainty")


def write_prediction(
    section: xr.DataArray,
    prediction: xr.Dataset,
    network: Network,
    folder: str | os.PathLike[str],
    *,
    segy: bool = True,
    force: bool = False,
) -> list[Path]:
    """Write a section's prediction to a folder that appears whole or not at all.

    Parameters
    ----------
    section : DataArray
        What was looked at.
    prediction : Dataset
        As `predict` returned it.
    network : Network
        What looked.
    folder : path
        The folder to make.
    segy : bool, default True
        For SEG-Y input, write SEG-Y of the section's traces: class, each class's probability, entropy, uncertainty.
    force : bool, default False
        Replace the folder of an earlier prediction.

    Returns
    -------
    list of Path
        The files, in the folder's final place: ``classes.npy``, ``probabilities.npy``, ``entropy.npy``,
        ``uncertainty.npy``, ``legend.json``, ``figure.png``, ``prediction.json``; where classes keep an order,
        ``horizons.npy`` and ``horizon-NUMBER-NAME.txt``, the tops of all classes but the first; ``class.sgy``,
        ``probability-NAME.sgy``, ``entropy.sgy`` and ``uncertainty.sgy`` for SEG-Y.

    Raises
    ------
    SeisdreamError
        If something is in the way or the disk refuses; then nothing is written.
    """
    source = section.attrs.get("source")
    story = _story(section.attrs, prediction.attrs, network, list(section.shape), hash_samples(section))
    with writing_folder(folder, force=force, inputs=input_files(source, network), marker=PREDICTION_FILE) as partial:
        for name in prediction:
            np.save(partial / f"{name}.npy", np.ascontiguousarray(prediction[name].values), allow_pickle=False)
        if segy and section.attrs.get("format") == "SEG-Y":
            with _segy_files(section, prediction, partial, "section") as put:
                put(prediction.assign_attrs(segy_sample=section.attrs.get("segy_sample")))
        counts = _count(prediction)
        _write_words(partial, story, prediction, counts)
        if "horizons" in prediction:
            _write_horizons(partial, prediction, [_picks(section, prediction)])
        title = _title(section, network)
        _write_figure(partial, section, prediction, story, title)
        names = sorted(path.relative_to(partial) for path in partial.iterdir())
    return [Path(folder) / name for name in names]


def write_volume_prediction(
    volume: SegyVolume,
    predictor: Predictor,
    folder: str | os.PathLike[str],
    *,
    segy: bool = True,
    force: bool = False,
    on_inline: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Predict a volume inline by inline and write it to a folder that appears whole or not at all.

    Only one inline is in memory. All inlines are seen through one grey mapping, so that a quiet one stays quiet.

    Parameters
    ----------
    volume : SegyVolume
        What to look at.
    predictor : Predictor
        What looks.
    folder, segy, force
        As for `write_prediction`; SEG-Y holds the whole volume.
    on_inline : callable, optional
        Called without arguments after each inline.

    Returns
    -------
    list of Path
        As `write_prediction`, with arrays ``(inline, crossline, time)``, ``probabilities.npy`` ``(class, inline,
        crossline, time)``, ``horizons.npy`` ``(horizon, inline, crossline)``; ``figure.png`` shows the middle inline.

    Raises
    ------
    SeisdreamError
        If something is in the way, there is no room for it, or the disk refuses; then nothing is written.
    """
    n_classes, settings, network = len(predictor.names), predictor.settings, predictor.network
    maps = _MAPS[: 3 if settings.augmentations else 2]
    _check_room(volume, n_classes, len(maps), folder, segy)
    mapping = volume.grey_mapping(settings.percentile)
    filled = [inline for inline in volume.inlines if volume.has_traces(inline)]
    counts = np.zeros(n_classes, np.int64)
    inputs = input_files(volume.survey.path, network)
    with writing_folder(folder, force=force, inputs=inputs, marker=PREDICTION_FILE) as partial, ExitStack() as stack:
        arrays = {
            name: _open_array(partial / f"{name}.npy", volume.shape, "u1" if name == "classes" else "f4")
            for name in maps
        }
        arrays["probabilities"] = _open_array(partial / "probabilities.npy", (n_classes, *volume.shape), "f4")
        put: Callable[[xr.Dataset], None] | None = None
        shown: tuple[xr.DataArray, xr.Dataset] | None = None
        picks: list[xr.DataArray] = []
        for place, inline in enumerate(volume.inlines):
            if inline not in filled:
                for name in arrays:
                    arrays[name][..., place, :, :] = ABSENT_CLASS if name == "classes" else np.nan
                on_inline()
                continue
            section = volume.open(inline)
            prediction = predictor(section, mapping)
            if segy and put is None:
                put = stack.enter_context(_segy_files(section, prediction, partial, "whole"))
            if put is not None:
                put(prediction)
            for name in arrays:
                arrays[name][..., place, :, :] = prediction[name].transpose(..., "crossline", "time").values
            counts += _count(prediction)
            if "horizons" in prediction:
                picks.append(_picks(section, prediction))
            if inline == volume.middle:
                shown = section, prediction
            on_inline()
        while arrays:
            # Some systems rename no folder while a file in it is mapped into memory.
            arrays.popitem()[1].flush()
        assert shown is not None
        section, prediction = shown
        attrs = {**section.attrs, "selection": "volume"}
        story = _story(attrs, prediction.attrs, network, list(volume.shape), None)
        _write_words(partial, story, prediction, counts)
        if picks:
            tops = xr.concat(picks, "inline").reindex(inline=list(volume.inlines))
            np.save(partial / "horizons.npy", tops.transpose("horizon", "inline", "crossline").values)
            _write_horizons(partial, prediction, picks)
        _write_figure(partial, section, prediction, story, _title(section, network))
        stack.close()
        names = sorted(path.relative_to(partial) for path in partial.iterdir())
    return [Path(folder) / name for name in names]


def _open_array(path: Path, shape: tuple[int, ...], kind: str) -> np.memmap:
    return np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)


@contextmanager
def _segy_files(
    section: xr.DataArray, prediction: xr.Dataset, folder: Path, scope: str
) -> Iterator[Callable[[xr.Dataset], None]]:
    """Give what puts a prediction into all its SEG-Y files, each with the source's headers."""
    names = [str(name) for name in prediction["class"].values]
    network = prediction.attrs["network"]
    with ExitStack() as stack:

        def make(name: str, what: str, absent: float):
            line = f"{PREDICTION_MARK} {version_of('seisdream')} {short_name(network)}: {what}, {absent:g} absent"
            path = folder / f"{name}.sgy"
            return stack.enter_context(writing_segy_numbers(section, path, line=line, scope=scope, absent=absent))

        maps = {"classes": make("class", f"class 0 to {len(names) - 1}", ABSENT_CLASS)}
        maps["entropy"] = make("entropy", "entropy 0 to 1", ABSENT_NUMBER)
        if "uncertainty" in prediction:
            maps["uncertainty"] = make("uncertainty", "uncertainty 0 to 1", ABSENT_NUMBER)
        shares = [
            make(f"probability-{slug}", f"probability of {name}", ABSENT_NUMBER)
            for name, slug in zip(names, file_names(names), strict=True)
        ]

        def put(said: xr.Dataset) -> None:
            attrs = {"segy_sample": said.attrs.get("segy_sample")}
            for name, file in maps.items():
                file.put(said[name].assign_attrs(attrs))
            for code, file in enumerate(shares):
                file.put(said["probabilities"][code].assign_attrs(attrs))

        yield put


def file_names(names: Sequence[str]) -> list[str]:
    """Return the classes' names as parts of file names: lower case, hyphens, each once."""
    slugs = [re.sub(r"[^a-z0-9]+", "-", name.partition(",")[0].lower()).strip("-") for name in names]
    return [
        slug if slug and slugs.count(slug) == 1 else f"{code}-{slug}".rstrip("-") for code, slug in enumerate(slugs)
    ]


def _picks(section: xr.DataArray, prediction: xr.Dataset) -> xr.DataArray:
    """Return the horizons of a line, with the number of the line itself where its selection or its file says it."""
    axis, number = line_in_name(str(section.attrs.get("selection") or Path(str(section.attrs.get("source"))).stem))
    horizons = prediction["horizons"].reset_coords(drop=True)
    return horizons.assign_coords({axis: number}) if axis and axis != horizons.dims[1] else horizons


def _write_horizons(folder: Path, prediction: xr.Dataset, lines: Sequence[xr.DataArray]) -> None:
    """Write a text file a picked horizon, a pick a line, as `training.horizons.open_horizons` reads it."""
    names = [str(name) for name in prediction["class"].values]
    vertical, lateral = (str(dim) for dim in prediction["classes"].dims)
    columns = [name for name in ("inline", "crossline") if name in lines[0].coords] or [lateral]
    for place, (name, slug) in enumerate(zip(names[1:], file_names(names)[1:], strict=True)):
        picked = [line[place].dropna(lateral) for line in lines]
        picks = np.concatenate(
            [np.stack([*(np.broadcast_to(line[axis], line.shape) for axis in columns), line], 1) for line in picked]
        )
        if len(picks):
            np.savetxt(
                folder / f"horizon-{place + 1:02}-{slug}.txt",
                picks,
                fmt=" ".join(["%.12g"] * len(columns) + ["%.3f"]),
                header=f"# top of {name}\n{' '.join([*columns, vertical])}",
                comments="",
            )


def _write_words(folder: Path, story: dict[str, Any], prediction: xr.Dataset, counts: np.ndarray) -> None:
    """Write ``legend.json`` and ``prediction.json``."""
    names, total = [str(name) for name in prediction["class"].values], max(1, int(counts.sum()))
    legend = {
        "classes": [
            {"code": code, "name": name, "colour": colour, "share": round(int(counts[code]) / total, 6)}
            for code, (name, colour) in enumerate(zip(names, colours_of(prediction), strict=True))
        ],
        "absent": ABSENT_CLASS,
    }
    for name, words in (("legend.json", legend), (PREDICTION_FILE, story)):
        (folder / name).write_text(json.dumps(words, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_figure(
    folder: Path, section: xr.DataArray, prediction: xr.Dataset, story: dict[str, Any], title: str
) -> None:
    figure = draw_classes(section, prediction, percentile=prediction.attrs["percentile"], title=title)
    write_figure(figure, folder / "figure.png", text={TEXT_KEY: json.dumps(story, ensure_ascii=False)})


def _count(prediction: xr.Dataset) -> np.ndarray:
    present = prediction["classes"].values[prediction["classes"].values != ABSENT_CLASS]
    return np.bincount(present, minlength=prediction.sizes["class"])


def _story(
    attrs: dict[str, Any], settings: dict[str, Any], network: Network, shape: list[int], samples_sha256: str | None
) -> dict[str, Any]:
    """Return everything that makes a prediction again: input, network, settings, versions."""
    opened = json.loads(attrs["opened"]) if "opened" in attrs else {}
    source = attrs.get("source")
    return {
        "input": {
            "source": source,
            "selection": attrs.get("selection"),
            "options": opened.get("options", {}),
            "samples_sha256": samples_sha256,
            "file_sha256": hash_file(attrs.get("segy_path", source)),
            "shape": shape,
            "credit": attrs.get("credit"),
            "licence": attrs.get("licence"),
        },
        "network": {
            "name": network.name,
            "weights": network.weights,
            "options": network.options,
            "sha256": network.sha256,
            "layer": settings["layer"],
            "classes": list(network.classes),
            "credit": network.credit,
            "licence": network.licence,
        },
        "settings": {name: settings[name] for name in _SETTINGS},
        "augmentations": [
            augmentation.to_dict()
            for augmentation in sample_augmentations(settings["augmentations"], settings["scale"])
        ],
        "grey_mapping": {"low": settings["grey_low"], "high": settings["grey_high"]},
        "machine": machine_record(),
    }


def _check_room(volume: SegyVolume, n_classes: int, n_maps: int, folder: str | os.PathLike[str], segy: bool) -> None:
    """Raise `SeisdreamError`, before a volume is begun, where the disk has no room for what it would become."""
    n_samples = int(np.prod(volume.shape, dtype=np.int64))
    layout = volume.survey.layout
    needed = n_samples * (1 + 4 * (n_classes + n_maps - 1))
    if segy:
        a_file = layout.traces_start + layout.n_traces * (240 + layout.n_samples * max(4, layout.sample_bytes))
        needed += (n_classes + n_maps) * a_file
    place = Path(folder).resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise SeisdreamError(
            f"The volume's {n_classes} probabilities and {n_maps} maps would take {needed / 1e9:.1f} GB, and {place} "
            f"has {free / 1e9:.1f} GB free; use --no-segy (arrays only), or another --out."
        )


def _title(section: xr.DataArray, network: Network) -> str:
    return ": ".join(filter(None, [line_name(section), short_name(network.name)]))
