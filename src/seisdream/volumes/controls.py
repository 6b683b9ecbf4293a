"""Controls of a section, or of every section of a whole volume, block by block."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import xarray as xr

from seisdream.dreaming.objectives.terms import Objective
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.results.control_result import ControlResult
from seisdream.significance.permutation import controls as controls_in_memory
from seisdream.significance.permutation import with_objective
from seisdream.significance.settings import ControlSettings


def controls(
    data: Any,
    network: Network | str,
    objective: str | Objective | None = None,
    *,
    against: Sequence[Network | str] = (),
    settings: ControlSettings | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    segy: bool = True,
    **overrides: Any,
) -> ControlResult | xr.Dataset:
    """Find where a network's responses to a section exceed those to surrogates, and whether that was learned.

    Parameters
    ----------
    data : DataArray, array, tensor, path or Volume
        ``(time, trace)`` amplitudes or an image, or its path; with `out`, a volume as for `seisdream.open_volume`, each
        section of which is compared with surrogates of its own.
    network : Network or str
        A network or its name.
    objective : str or Objective, optional
        Layers, channels, classes and sums of them; by default that of `settings`, or the network's default layer.
    against : sequence of Network or str, optional
        Other networks to evaluate in the same way: a second training seed, another architecture; not with `out`.
    settings : ControlSettings, optional
        All settings.
    out : path, optional
        For a volume: a folder to write to, block by block, with no more than some blocks in memory. An earlier run of
        the same job in the folder is continued.
    force : bool, default False
        Remove an earlier job in the folder, and begin again.
    segy : bool, default True
        With `out` and SEG-Y input, write SEG-Y of every map too.
    **overrides
        Fields of `ControlSettings`: ``measure``, ``null``, ``surrogates``, ``others``, ``path``, ``block``, ``q``,
        ``random``, ``seeds``, ``octaves``, ``steps``, ``step_size``, ``seed``, ``percentile``, ``device``; with `out`
        also those of a volume job: ``direction``, ``executor``, ``workers``, ``threads``, ``scheduler``.

    Returns
    -------
    ControlResult or Dataset
        Maps of each measure, its effect and its false discovery rate, what each network's responses show, the
        stability of dreams, and a conclusion in words. With `out`, a dataset of the maps ``(inline, crossline, time)``,
        read from the folder as it is used.

    Raises
    ------
    SeisdreamError
        If the objective has no map (``not-supported``), the section is too small (``too-small``), a keyword does not
        exist (``unknown-argument``), or both `objective` and ``layer`` are given (``incompatible``). If blocks of a
        volume are missing at the end (``incomplete``), the same call computes them.

    Examples
    --------
    >>> import seisdream as sd
    >>> section = sd.open_section("sample:built-in")[100:228, 200:328]
    >>> result = sd.controls(section, "gabor", measure="activation", surrogates=19, random=0)
    >>> result.dataset.activation_effect.shape
    (128, 128)
    """
    if out is None:
        return controls_in_memory(data, network, objective, against=against, settings=settings, **overrides)
    if against:
        raise SeisdreamError(
            "`against` does not work for whole volumes; run the controls of each network in a folder of its own.",
            code="not-supported",
            option="against",
        )
    overrides = with_objective(overrides, objective)
    from seisdream.volumes.run import run_on_volume

    return run_on_volume("controls", data, network, ControlSettings, settings, overrides, out, force=force, segy=segy)
