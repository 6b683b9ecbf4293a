"""Frames of a film, collected while a dream runs."""

from __future__ import annotations

import numpy as np

from seisdream.dreaming.dream import Dream, DreamState
from seisdream.inference.tensors import as_array, as_bytes, as_rgb, resize, to_image_tensor

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


def _frame(image: np.ndarray) -> np.ndarray:
    longest = max(image.shape[:2])
    if longest > MAX_SIDE:
        rows, columns = (max(2, round(side * MAX_SIDE / longest)) for side in image.shape[:2])
        image = as_array(resize(to_image_tensor(image, clip=False), (rows, columns)))
    return as_rgb(as_bytes(image))
