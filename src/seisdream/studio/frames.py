"""Frames of a dream under way, on the disk as the viewer reads them."""

from __future__ import annotations

import time
from pathlib import Path

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.frames import N_FRAMES, FrameEncoder
from seisdream.dreaming.loop import DreamState

_LARGEST_SHARE = 0.04
"""Of the time of a dream that frames may take, but for the first one and those that end an octave."""


class FrameWriter:
    """Writes frames of a dream, as many as cost little of its time.

    Parameters
    ----------
    run : Dream
        Before its states are consumed.
    folder : Path
        To write to; a frame is a file with the number of its state.
    """

    def __init__(self, run: Dream, folder: Path):
        self._encoder, self._folder = FrameEncoder(run), folder
        self._every = max(1, -(-run.n_states // N_FRAMES))
        self._began, self._spent_s = time.perf_counter(), 0.0
        folder.mkdir(exist_ok=True)

    def offer(self, number: int, state: DreamState) -> bool:
        """Write the frame of a state, if it is due; return whether it was."""
        began = time.perf_counter()
        is_affordable = self._spent_s <= _LARGEST_SHARE * (began - self._began)
        if number > 1 and state.step < state.n_steps and (number % self._every or not is_affordable):
            return False
        path = self._folder / f"{number}.bin"
        partial = path.with_suffix(".partial")
        partial.write_bytes(self._encoder.encode(state).body())
        partial.replace(path)
        self._spent_s += time.perf_counter() - began
        return True
