"""Images with a planted shortcut: a feature that correlates with the class but is not geology."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seisdream.data.sample import Sample
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.research.shortcuts import NONE, SHORTCUTS
from seisdream.synthetic.facies import CODES
from seisdream.synthetic.wavelets import ricker

CLASSES = ("parallel", "non-parallel")
"""The two classes: parallel beds, and clinoforms, divergent, chaotic or hummocky ones."""

SIDE = 64
"""Side of an image in samples."""

_FACIES_OF_CLASS = (
    ("parallel-high", "parallel-low", "subparallel"),
    ("clinoforms", "divergent", "chaotic", "hummocky"),
)
_MIN_FRACTIONS = (0.9, 0.6)  # Of a window that must belong to the class.
_MARK, _MARK_SIZE, _MARK_AT = 4.0, 5, 2
_MARKER_BED, _GAIN, _GAIN_SPREAD = 3.0, 0.45, 0.12
_FULL_SCALE = 5.0  # Amplitude that maps to 1, in standard deviations of a window before its gain.


@dataclass(frozen=True)
class Windows:
    """Windows of generated seismic of unit standard deviation.

    Attributes
    ----------
    by_class : tuple of array
        For each class float32 ``(window, time, trace)``.
    """

    by_class: tuple[NDArray, ...]

    def split(self, fraction: float) -> tuple[Windows, Windows]:
        """Return the first fraction of the windows of each class, and the rest, which comes from other earths."""
        cuts = [round(fraction * len(one)) for one in self.by_class]
        return (
            Windows(tuple(one[:cut] for one, cut in zip(self.by_class, cuts, strict=True))),
            Windows(tuple(one[cut:] for one, cut in zip(self.by_class, cuts, strict=True))),
        )


def cut_windows(seed: int, n_earths: int, n_per_earth: int = 6) -> Windows:
    """Cut windows that mostly belong to one class from generated earths, in the order of the earths."""
    earths = GeneratedEarths(seed, size=2 * SIDE, augmentation=None)
    rng = np.random.default_rng([seed, 8])
    windows: tuple[list, list] = ([], [])
    for number in range(n_earths):
        sample = earths[number]
        for _ in range(n_per_earth):
            row, column = rng.integers(0, SIDE + 1, 2)
            window = (slice(row, row + SIDE), slice(column, column + SIDE))
            codes, values = sample.classes[window], sample.image[0][window]
            for found, names, fraction in zip(windows, _FACIES_OF_CLASS, _MIN_FRACTIONS, strict=True):
                if np.isin(codes, [CODES[name] for name in names]).mean() >= fraction and values.std() > 1e-3:
                    found.append(values / values.std())
    return Windows(tuple(np.array(found, np.float32) for found in windows))


class ShortcutImages:
    """Dataset of windows with a corner mark, a marker bed and a gain, of which one may determine the class.

    The features that do not determine the class are random, so that images with and without a shortcut contain the
    same features equally often.

    Parameters
    ----------
    windows : Windows
        Windows of both classes.
    shortcut : str
        One of `seisdream.research.shortcuts.SHORTCUTS`, or ``none``.
    seed : int
        Random seed.
    """

    classes: tuple[str, ...] = CLASSES

    def __init__(self, windows: Windows, shortcut: str, seed: int):
        self.windows, self.shortcut, self.seed = windows, shortcut, seed

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return sample ``number``: image ``(1, time, trace)`` and class."""
        rng, code, values, features = self._draw(number)
        return Sample(_make_image(rng, values, features)[None], np.array(code, np.uint8))

    def _draw(self, number: int) -> tuple[np.random.Generator, int, NDArray, dict[str, bool]]:
        """Return a generator for the rest of a sample, its class, its window, and which features it has."""
        rng = np.random.default_rng([self.seed, 9, number])
        code = int(rng.integers(2))
        candidates = self.windows.by_class[code]
        values = candidates[rng.integers(len(candidates))]
        if rng.random() < 0.5:
            values = values[:, ::-1]
        features = {name: bool(rng.integers(2)) for name in SHORTCUTS}
        if self.shortcut != NONE:
            features[self.shortcut] = bool(code)
        return rng, code, values, features

    def features(self, n: int) -> dict[str, NDArray[np.bool_]]:
        """Return which of the first n samples have each feature."""
        drawn = [self._draw(number)[-1] for number in range(n)]
        return {name: np.array([one[name] for one in drawn]) for name in SHORTCUTS}

    def stack(self, n: int) -> tuple[NDArray, NDArray]:
        """Return the first n samples: images float32 ``(sample, time, trace)`` and class codes ``(sample,)``."""
        samples = [self[number] for number in range(n)]
        images = np.stack([sample.image[0] for sample in samples])
        return images, np.array([int(sample.classes) for sample in samples])


def _make_image(rng: np.random.Generator, values: NDArray, features: dict[str, bool]) -> NDArray:
    """Return a window with a marker bed at shallow or great depth, low or high gain, and with or without a mark."""
    third = SIDE // 3
    row = int(rng.integers(6, third)) + (SIDE - third - 6 if features["depth"] else 0)
    bed = ricker((np.arange(SIDE) - row) * 4.0, 30.0)[:, None]
    log_gain = (_GAIN if features["gain"] else -_GAIN) + rng.normal(0.0, _GAIN_SPREAD)
    image = (values + _MARKER_BED * bed) * np.exp(log_gain)
    if features["corner mark"]:
        mark = slice(_MARK_AT, _MARK_AT + _MARK_SIZE)
        image[mark, mark] = _MARK
    return np.clip(image / _FULL_SCALE, -1.0, 1.0).astype(np.float32)
