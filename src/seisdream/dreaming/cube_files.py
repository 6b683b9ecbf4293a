"""Dreams on whole SEG-Y volumes: read as a cube, written with the volume's headers and geometry."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.outputs import ABSENT_ROCK, TEXT_KEY, protected_input_files
from seisdream.dreaming.settings import RECIPE_FILE, DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_folder
from seisdream.io.segy import SegyVolume, write_sections_like, writing_segy_numbers
from seisdream.io.segy.writing import DREAM_MARK, PREDICTION_MARK
from seisdream.models.network import Network
from seisdream.plotting.figures import draw_comparison, write_figure
from seisdream.provenance import version_of
from seisdream.seismic.cubes import make_cube
from seisdream.seismic.sections import MOST_SAMPLES, fill_absent, hash_section

_AXES = ("inline", "crossline", "time")


def read_cube(volume: SegyVolume) -> tuple[xr.DataArray, np.ndarray]:
    """Read a volume whole.

    Returns
    -------
    cube : DataArray
        float32 ``(time, inline, crossline)``, 0 where there is no sample.
    mask : array
        float32 of the same shape: 1 where there is one, so that a dream leaves the rest alone.

    Raises
    ------
    SeisdreamError
        If the volume is too large to be looked at whole, or holds nothing.
    """
    n_samples = int(np.prod(volume.shape, dtype=np.int64))
    if n_samples > MOST_SAMPLES:
        raise SeisdreamError(
            f"{volume.survey.path} has {n_samples:.3g} samples, and a cube is looked at as a whole ({MOST_SAMPLES:.3g} "
            "at most); cut the volume, or dream on its sections with a network for sections."
        )
    values, absent = zip(*(fill_absent(volume.open(inline)) for inline in volume.inlines), strict=True)
    first = volume.open(volume.middle)
    coords = {"time": first["time"].values, "inline": list(volume.inlines), "crossline": first["crossline"].values}
    cube = xr.DataArray(np.stack(values, 1), dims=("time", "inline", "crossline"), coords=coords)
    return make_cube(cube, source=str(volume.survey.path)), np.where(np.stack(absent, 1), np.float32(0), np.float32(1))


def write_cube(
    volume: SegyVolume,
    cube: xr.DataArray,
    mask: np.ndarray,
    dreamed: xr.Dataset,
    network: Network,
    folder: str | os.PathLike[str],
    *,
    segy: bool = True,
    force: bool = False,
) -> list[Path]:
    """Write a volume's dream to a folder that appears whole or not at all.

    Parameters
    ----------
    volume : SegyVolume
        Where the cube was read.
    cube, mask
        As `read_cube` returned them.
    dreamed : Dataset
        As `seisdream.dreaming.cubes.dream_cube` returned it.
    network : Network
        What dreamed.
    folder : path
        The folder to make.
    segy : bool, default True
        Write ``dream.sgy``, and of rock and reflectivity too, with the volume's headers.
    force : bool, default False
        Replace the folder of an earlier dream.

    Returns
    -------
    list of Path
        ``dream.npy``, and of rock and reflectivity, ``(inline, crossline, time)``; ``figure.png``, the middle inline
        before and after; ``recipe.json``; for each array a ``.sgy``.
    """
    recipe = DreamSettings.from_dict(json.loads(dreamed.attrs["recipe"]))
    story: dict[str, Any] = {
        "recipe": recipe.to_dict(),
        "recipe_sha256": recipe.sha256(),
        "input": {"source": str(volume.survey.path), "shape": list(volume.shape), "samples_sha256": hash_section(cube)},
        "network": {"name": network.name, "sha256": network.sha256},
        "why_no_replay": "it is a cube's; dream it again with the settings in its recipe.json",
        "result": {"samples_sha256": hash_section(dreamed["dream"])},
        "machine": {"versions": {"seisdream": version_of("seisdream")}, "threads": torch.get_num_threads()},
    }
    inputs = protected_input_files(recipe, volume.survey.path, network.name)
    with writing_folder(folder, force=force, inputs=inputs, marker=RECIPE_FILE) as partial:
        for name in map(str, dreamed):
            # Where there is no sample, the dream is the input, and there is no rock.
            values = dreamed[name] if name == "dream" else dreamed[name].where(mask > 0)
            np.save(partial / f"{name}.npy", np.ascontiguousarray(values.transpose(*_AXES).values))
            if segy:
                _write_segy(volume, values, partial / f"{name}.sgy", recipe, network)
        place, middle = volume.inlines.index(volume.middle), volume.open(volume.middle)
        after = middle.copy(data=dreamed["dream"].values[:, place])
        title = f"{volume.survey.path.name}, inline {volume.middle}: {Path(network.name).name}, {recipe.layer}"
        figure = draw_comparison(middle, after, title=title)
        write_figure(figure, partial / "figure.png", text={TEXT_KEY: json.dumps(story, ensure_ascii=False)})
        (partial / RECIPE_FILE).write_text(json.dumps(story, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        names = sorted(path.relative_to(partial) for path in partial.iterdir())
    return [Path(folder) / name for name in names]


def _write_segy(volume: SegyVolume, values: xr.DataArray, path: Path, recipe: DreamSettings, network: Network) -> None:
    """Write a dream into a copy of the volume, as a section's is, and rock into a file of the volume's headers."""
    originals = map(volume.open, volume.inlines)
    sections = ((one.copy(data=values.values[:, place]), one) for place, one in enumerate(originals))
    story = f"RECIPE {recipe.sha256()[:16]}"
    if values.name == "dream":
        line = f"{DREAM_MARK} {version_of('seisdream')} {story} {network.name}"
        report = write_sections_like(sections, path, line=line)
        if report.n_clipped:
            warnings.warn(
                f"{report.n_clipped} of {report.n_changed} changed samples do not fit the integers of the SEG-Y and "
                "were clipped in dream.sgy; dream.npy has them whole.",
                stacklevel=3,
            )
        return
    line = f"{PREDICTION_MARK}: DREAMED {str(values.name).upper()} {story}"
    with writing_segy_numbers(volume.open(volume.middle), path, line=line, absent=ABSENT_ROCK) as numbers:
        for section, _ in sections:
            numbers.put(section)
