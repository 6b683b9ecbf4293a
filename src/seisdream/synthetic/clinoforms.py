"""Clinoforms: slopes that prograde into a basin."""

from __future__ import annotations

import numpy as np

from seisdream.synthetic.layers import Frame

_TAIL = 0.015  # Relative distance of a sigmoid from its top and base at the ends.


def _sigmoid(depth):
    squeezed = _TAIL + (1.0 - 2.0 * _TAIL) * depth
    return np.log(squeezed / (1.0 - squeezed))


def _tangential(depth):
    return -3.0 * np.log1p(depth * (_TAIL - 1.0)) - 2.0


def _oblique(depth):
    return 6.0 * depth - 3.0


SHAPES = {"sigmoid": _sigmoid, "tangential": _tangential, "oblique": _oblique}
"""Slopes as distance from the shelf edge by relative depth.

Sigmoid, tangential oblique and parallel oblique, after Mitchum, Vail and Sangree (AAPG Memoir 26, 1977). Sigmoids have
thin topsets and bottomsets; oblique clinoforms end against the top (toplap), and parallel ones also against the base.
"""


def prograde(
    top_ms: np.ndarray,
    base_ms: np.ndarray,
    seawards: np.ndarray,
    *,
    shape: str = "sigmoid",
    width: float = 40.0,
    height_ms: float | None = None,
    aggradation: float = 0.0,
) -> tuple[Frame, float]:
    """Prograde slopes between two surfaces; return a function of their ages and the age of the oldest.

    The depth of a slope below the top is a function of the distance to its edge, which moves seawards with time. So the
    age of a point follows from its position, without computing surfaces.

    Parameters
    ----------
    top_ms, base_ms : array
        Shelf and basin floor, ``(position,)``.
    seawards : array
        Distance of each position in the direction of progradation, in traces.
    shape : str, default "sigmoid"
        One of `SHAPES`.
    width : float, default 40
        Scale of the slope along the line, in traces; the slope spans about six.
    height_ms : float, optional
        Height that scales ages to ms of bed thickness on the steepest slope. Default: the mean thickness.
    aggradation : float, 0 to 2, default 0
        Aggradation of the shelf relative to its height.

    Returns
    -------
    Frame
        Ages in ms, 0 at the youngest.
    float
        Greatest age in ms.
    """
    room_ms = np.maximum(base_ms - top_ms, np.float32(1.0))
    height_ms = height_ms or float(np.mean(room_ms))
    per_width = np.float32(
        0.25 * height_ms
    )  # The steepest dip of a logistic slope is a quarter of its height per width.
    distance = SHAPES[shape]
    out = seawards.max() - seawards
    youngest = per_width * distance(np.float32(0.0))
    oldest = per_width * (distance(np.float32(1.0)) + out.max() / width) + aggradation * height_ms

    def ages(time_ms):
        depth = np.clip((time_ms - top_ms) / room_ms, 0.0, 1.0)
        age = per_width * (distance(depth) + out / np.float32(width)) - youngest
        return age + np.float32(aggradation * height_ms) * depth

    return ages, float(oldest - youngest)
