"""White noise as a starting point for a dream."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import MOST_SAMPLES, make_section

PREFIX = "noise:"
DEFAULT_DT_MS = 4.0


def is_noise(section: xr.DataArray) -> bool:
    """Return whether a section was opened as ``noise:HEIGHTxWIDTH``."""
    return section.attrs.get("format") == "noise"


def open_noise(name: str, *, seed: int = 0, dt_ms: float = DEFAULT_DT_MS) -> xr.DataArray:
    """Make white Gaussian noise of unit variance.

    Parameters
    ----------
    name : str
        ``noise:HEIGHTxWIDTH`` in samples and traces, such as ``noise:256x384``.
    seed : int, default 0
        Random seed.
    dt_ms : float, default 4
        Sampling interval in ms.

    Returns
    -------
    DataArray
        float32 ``(time, trace)``.

    Raises
    ------
    SeisdreamError
        If the name has no size, or the size is too small or too large for a section.
    """
    size = re.fullmatch(r"noise:(\d{1,9})x(\d{1,9})", name)
    height, width = (int(size[1]), int(size[2])) if size else (0, 0)
    if not (height >= 2 and width >= 2 and height * width <= MOST_SAMPLES):
        raise SeisdreamError(
            f"'{name}' is not a noise section; write noise:HEIGHTxWIDTH in samples and traces, each 2 or more, such as "
            f"noise:256x384, with at most {MOST_SAMPLES:,} samples.",
            code="invalid",
            option="input",
        )
    if not (np.isfinite(dt_ms) and dt_ms > 0):
        raise SeisdreamError(f"`dt_ms` is {dt_ms:g}; it must be above 0 ms.", code="out-of-range", option="dt_ms")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise SeisdreamError(
            f"`seed` is {seed}; it must be a whole number, 0 or more.", code="out-of-range", option="seed"
        )
    values = np.random.default_rng(seed).standard_normal((height, width), dtype=np.float32)
    return make_section(values, dt_ms=dt_ms, source=name, format="noise")
