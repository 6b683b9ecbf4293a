"""Steps of a dream as sections that the viewer of the browser reads."""

from __future__ import annotations

import numpy as np
import xarray as xr

from seisdream.dreaming.dream import Dream, DreamState
from seisdream.seismic.sections import absent_samples
from seisdream.viewer.encoding import EncodedSection, encode_section


class FrameEncoder:
    """Encodes the states of a dream in the units of its input; of a cube, its middle inline.

    Parameters
    ----------
    run : Dream
        Before its states are consumed.
    """

    def __init__(self, run: Dream):
        self._run = run
        self._template = section_of(run.original)
        self._absent = absent_samples(self._template)

    def encode(self, state: DreamState) -> EncodedSection:
        """Return the section after a step."""
        image = self._run.image(state)
        if image.ndim == 3:
            picture = xr.DataArray(image, dims=("row", "column", "colour"), attrs={"value_range": (0.0, 255.0)})
            return encode_section(picture, title="Dream", absent=self._absent)
        mapping = self._run.mapping
        values: np.ndarray = mapping.low + mapping.units_per_grey * image
        return encode_section(self._template.copy(data=values), title="Dream", absent=self._absent)


def section_of(data: xr.DataArray) -> xr.DataArray:
    """Return a section as it is, and of a cube its middle inline ``(time, crossline)``."""
    if "inline" not in data.dims or data.ndim != 3:
        return data
    return data.isel(inline=data.sizes["inline"] // 2, drop=True).transpose(..., "crossline")
