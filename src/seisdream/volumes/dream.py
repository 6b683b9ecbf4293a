"""Dream on a section or a cube, or on a whole volume block by block."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from seisdream.dreaming.dream import dream as dream_in_memory
from seisdream.dreaming.objectives.parser import is_parsable
from seisdream.dreaming.objectives.terms import Objective
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.results.dream_result import DreamResult


def dream(
    data: Any,
    network: Network | str,
    objective: Objective | str | None = None,
    *,
    settings: DreamSettings | None = None,
    guide: xr.DataArray | None = None,
    mask: xr.DataArray | np.ndarray | None = None,
    objective_mask: xr.DataArray | np.ndarray | None = None,
    reference_section: xr.DataArray | None = None,
    networks: Mapping[str, Network] | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    segy: bool = True,
    **overrides: Any,
) -> DreamResult | xr.Dataset:
    """Dream and return the result.

    Parameters
    ----------
    data : DataArray, array, tensor, path, volume, or a sequence of sections
        As for `Dream`; with `out`, a volume as for `seisdream.open_volume`.
    network : Network or str
        From `load_network`, or its name. Your own module becomes one by ``load_network(module, preprocessing=...)``.
    objective : Objective or str, optional
        What to increase, such as ``"inception_4c/output"`` or ``ClassLogit("salt") - 0.1 * Layer("enc1")``; by default
        the network's default layer.
    settings : DreamSettings, optional
        All settings; by default those of `DreamSettings()`.
    guide, mask, objective_mask, reference_section, networks : optional
        As for `Dream`; not with `out`.
    out : path, optional
        For a volume: a folder to write to, block by block, with no more than some blocks in memory. An earlier run of
        the same job in the folder is continued.
    force : bool, default False
        Remove an earlier job in the folder, and begin again.
    segy : bool, default True
        With `out` and SEG-Y input, write SEG-Y too.
    **overrides
        Any setting of `DreamSettings`, such as ``steps=20`` or ``parameterization="fourier"``; with `out` also those of
        a volume job: ``direction``, ``block``, ``executor``, ``workers``, ``threads``, ``scheduler``.

    Returns
    -------
    DreamResult or Dataset
        ``result.dataset["dream"]`` has the input's units and coordinates; ``result.save(folder)`` writes everything.
        With `out`, a dataset with ``dream`` ``(inline, crossline, time)``, read from the folder as it is used.

    Raises
    ------
    SeisdreamError
        As for `Dream`; a setting that does not exist is ``unknown-argument``, one that does not work for whole volumes
        ``not-supported``. If blocks of a volume are missing at the end (``incomplete``), the same call computes them.

    Examples
    --------
    >>> import seisdream as sd
    >>> section = sd.open_section("sample:built-in")
    >>> sd.dream(section, "gabor", octaves=1, steps=1).dataset["dream"].dims
    ('time', 'trace')
    >>> volume = sd.dream("survey.zarr", "facies", "class:salt", out="salt", workers=8)  # doctest: +SKIP
    """
    given = {"guide": guide, "mask": mask, "objective_mask": objective_mask, "reference_section": reference_section,
             "networks": networks}  # fmt: skip
    if out is None:
        return dream_in_memory(data, network, objective, settings=settings, **given, **overrides)
    for name, value in given.items():
        if value is not None:
            raise SeisdreamError(
                f"`{name}` does not work for whole volumes; leave it out.", code="not-supported", option=name
            )
    if objective is not None:
        overrides["layer"] = _as_words(objective)
    from seisdream.volumes.run import run_on_volume

    return run_on_volume("dream", data, network, DreamSettings, settings, overrides, out, force=force, segy=segy)


def _as_words(objective: Objective | str) -> str:
    if isinstance(objective, str):
        return objective
    if not is_parsable(objective):
        raise SeisdreamError(
            f"'{objective}' cannot be sent to worker processes; use an objective that can be written in words, such as "
            "class:salt.",
            code="not-supported",
            option="objective",
        )
    return str(objective)
