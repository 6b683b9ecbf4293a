"""What a dream is given: sections, cubes and masks as arrays, or opened by the names in settings."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from seisdream.dreaming.objectives.parser import files_of, parse
from seisdream.dreaming.objectives.terms import Term
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.io.inputs import find_segy, open_section
from seisdream.io.masks import check_mask
from seisdream.io.noise import PREFIX as NOISE
from seisdream.io.segy import SegyVolume
from seisdream.models.checkpoints import file_of
from seisdream.models.network import Network
from seisdream.seismic.cubes import DIMS as CUBE_DIMS
from seisdream.seismic.cubes import make_cube
from seisdream.seismic.sections import check_section, make_section

FILE_SETTINGS = ("input", "weights", "guide", "mask", "objective_mask", "reference_section", "wavelet")
"""Settings that may be the name of a file."""


def named_files(settings: DreamSettings, terms: Iterable[Term] | None = None) -> list[str]:
    """Return the files and folders that settings name and that exist, also in the objective and as networks.

    Parameters
    ----------
    settings : DreamSettings
        The settings.
    terms : iterable of Term, optional
        Those of the objective, by default of the settings' `layer`.
    """
    terms = [*(parse(settings.layer).terms() if terms is None and settings.layer else terms or ())]
    networks = [file_of(name) for name in (settings.network, *(term.network for term in terms)) if name]
    names: list[Any] = [getattr(settings, name) for name in FILE_SETTINGS]
    names += [settings.network_options.get("classes"), *files_of(terms)]
    names += [name for name in networks if name.endswith(".safetensors")]
    return [
        name for name in dict.fromkeys(one for one in names if isinstance(one, str) and one) if os.path.exists(name)
    ]


def as_data(data: Any, network: Network, settings: DreamSettings) -> xr.DataArray | list[xr.DataArray]:
    """Return what is dreamed on: a section, a cube ``(time, inline, crossline)``, or a list of sections.

    Parameters
    ----------
    data : DataArray, array, tensor, path, or a sequence of sections
        A path is opened as a section; an array of three axes is a cube where the network is for cubes.
    network : Network
        The dream's own.
    settings : DreamSettings
        How a path is opened.
    """
    if isinstance(data, str | os.PathLike):
        sections = open_sections(settings.replace(input=os.fspath(data)))
        return sections[0] if len(sections) == 1 else sections
    if isinstance(data, list | tuple):
        # The same section may be repeated, and is measured once.
        labelled = {id(one): make_section(one) for one in data}
        if not labelled:
            raise SeisdreamError("`data` has no section; give one or more.", code="missing-argument", option="data")
        return [labelled[id(one)] for one in data]
    is_cube = isinstance(data, xr.DataArray) and set(data.dims) == set(CUBE_DIMS)
    if is_cube or (not isinstance(data, xr.DataArray) and network.n_spatial_dims == 3):
        return make_cube(data)
    return make_section(data)


def as_mask(mask: xr.DataArray | np.ndarray, section: xr.DataArray, option: str) -> np.ndarray:
    """Return a mask as float32 of the size of a section or cube; raise `SeisdreamError` where it is unusable."""
    if section.dims != CUBE_DIMS:
        return check_mask(mask, section, option, may_be_empty=option == "mask")
    values = np.asarray(mask, np.float32)
    if values.shape != section.shape or not (values.min() >= 0.0 and values.max() <= 1.0):
        raise SeisdreamError(
            f"`{option}` has shape {values.shape} and values from {values.min():g} to {values.max():g}; it must have "
            f"the cube's shape {section.shape}, with values from 0 to 1.",
            code="wrong-shape" if values.shape != section.shape else "out-of-range",
            option=option,
        )
    return values


def open_sections(settings: DreamSettings) -> list[xr.DataArray]:
    """Open the input of a dream; variants of noise each start from noise of their own."""
    source, options = str(settings.input), dict(settings.input_options)
    if not source.startswith(NOISE):
        return [open_section(source, **options)]
    n_dreams = settings.variants or 1
    return [open_section(source, **{"seed": settings.seed + number, **options}) for number in range(n_dreams)]


def open_volume(settings: DreamSettings, network: Network) -> SegyVolume:
    """Open the input of a dream as a whole SEG-Y volume, or raise `SeisdreamError` (``incompatible``)."""
    path, options = find_segy(str(settings.input)), dict(settings.input_options)
    if path is None or {"inline", "crossline", "time_ms"} & set(options):
        raise SeisdreamError(
            f"{network.name} is a 3-D network: give it a whole SEG-Y volume (no `inline`, `crossline` or `time_ms`) "
            "or, in Python, a cube; or use a network for sections.",
            code="incompatible",
            option="network",
        )
    try:
        return SegyVolume(path, **options)
    except SeisdreamError as error:
        if error.code != "no-geometry":
            raise
        raise SeisdreamError(f"{network.name} is a network for cubes. {error}", code=error.code) from error


def open_further(name: str | None, option: str) -> xr.DataArray | None:
    """Open a section in addition to the input; an error names it."""
    if name is None:
        return None
    try:
        section = open_section(name)
        check_section(section)
    except SeisdreamError as error:
        raise SeisdreamError(f"`{option}` {name} cannot be used: {error}", code=error.code, option=option) from error
    return section


def with_origin(settings: DreamSettings, section: xr.DataArray, network: Network) -> DreamSettings:
    """Fill in input and network where settings do not name them, but the section and the network have their origin."""
    opened = json.loads(section.attrs.get("opened", "{}"))
    # What was cut or resampled in Python since cannot be opened again.
    is_whole = list(section.shape) == opened.get("shape", list(section.shape))
    if settings.input is None and opened and is_whole:
        settings = settings.replace(input=opened["input"], input_options=opened["options"])
    if settings.network is None and network.is_loadable:
        settings = settings.replace(
            network=network.name, weights=network.weights, network_options=dict(network.options)
        )
    return settings
