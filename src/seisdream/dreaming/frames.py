"""The steps of a dream as pictures: frames of its film, and sections that the viewer of the browser reads."""

from __future__ import annotations

import numpy as np
import xarray as xr

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.loop import DreamState
from seisdream.inference.tensors import as_array, as_bytes, as_rgb, resize, to_image_tensor
from seisdream.seismic.sections import absent_samples, is_picture
from seisdream.viewer.encoding import EncodedSection, encode_section

N_FRAMES = 96
"""About how many frames a film has."""
MAX_SIDE = 1280
"""No frame is wider or higher, in pixels."""


class FilmRecorder:
    """Frames of a dream: the start, then moments spread evenly over its steps.

    Parameters
    ----------
    dream : Dream
        Before its states are consumed.

    Attributes
    ----------
    frames : list of list of uint8 array
        For each dream of the batch, ``(row, column, 3)``; of a cube, its middle inline.
    """

    def __init__(self, dream: Dream):
        self._dream = dream
        self._every = max(1, -(-dream.n_states // N_FRAMES))
        self._n_states = 0
        self.frames = [[_frame(dream.image(number=number))] for number in range(dream.n_dreams)]

    def record(self, state: DreamState) -> None:
        """Keep frames of this state, if it is one of the moments or ends a level."""
        self._n_states += 1
        if state.ends_level or self._n_states % self._every == 0:
            for number, frames in enumerate(self.frames):
                frames.append(_frame(self._dream.image(state, number)))


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
            return encode_dream(picture, absent=self._absent)
        mapping = self._run.mapping
        values: np.ndarray = mapping.low + mapping.units_per_grey * image
        return encode_dream(self._template.copy(data=values), absent=self._absent)


def encode_dream(section: xr.DataArray, *, title: str = "Dream", absent: np.ndarray) -> EncodedSection:
    """Encode a section that was dreamed; its colour bar and its readings are of dreamed amplitudes.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)``, ``(row, column)`` or ``(row, column, colour)``.
    title : str, default "Dream"
        Of the section.
    absent : array
        Booleans ``(time, trace)`` of samples without data.
    """
    is_amplitude = not is_picture(section) and section.attrs.get("units", "amplitude") == "amplitude"
    return encode_section(section, title=title, quantity="dreamed amplitude" if is_amplitude else None, absent=absent)


def section_of(data: xr.DataArray) -> xr.DataArray:
    """Return a section as it is, and of a cube its middle inline ``(time, crossline)``."""
    if "inline" not in data.dims or data.ndim != 3:
        return data
    return data.isel(inline=data.sizes["inline"] // 2, drop=True).transpose(..., "crossline")


def _frame(image: np.ndarray) -> np.ndarray:
    longest = max(image.shape[:2])
    if longest > MAX_SIDE:
        rows, columns = (max(2, round(side * MAX_SIDE / longest)) for side in image.shape[:2])
        image = as_array(resize(to_image_tensor(image, clip=False), (rows, columns)))
    return as_rgb(as_bytes(image))
