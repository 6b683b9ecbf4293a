"""Mass-transport deposits: beds that slid and were deformed."""

from __future__ import annotations

import numpy as np

from seisdream.synthetic.grid import Grid


def slide_floor(
    rng: np.random.Generator, grid: Grid, *, position: float, half_width: float, depth_ms: float
) -> np.ndarray:
    """Return the depth of the base of a mass-transport deposit below its top in ms, ``(position,)``.

    It is a broad lens with a rough, scoured base and steep side walls (Moscardelli and Wood, Basin Research 20, 2008).
    """
    squared = ((grid.trace - position) / half_width) ** 2
    if grid.n_inlines > 1:
        squared = squared + ((grid.inline - 0.5 * grid.n_inlines) / (1.5 * half_width)) ** 2
    lens = np.clip(1.0 - squared**2, 0.0, None).astype(np.float32) ** np.float32(0.5)
    scours = 1.0 + 0.18 * grid.wander(rng, 0.2 * half_width)[0] + 0.08 * grid.wander(rng, 5.0)[0]
    return np.float32(depth_ms) * lens * np.clip(scours, 0.3, None).astype(np.float32)


def scramble(rng: np.random.Generator, grid: Grid, *, strength_ms: float) -> np.ndarray:
    """Return random shifts in age that disorder beds, in ms, ``(time + 1, position)``.

    Beds are folded and rotated at several scales and cut into inclined slices, like the blocks and thrusts of such
    deposits (Bull, Cartwright and Huuse, Marine and Petroleum Geology 26, 2009).
    """
    folds = grid.texture(rng, 40.0, 12.0) + 0.7 * grid.texture(rng, 18.0, 5.0) + 0.35 * grid.texture(rng, 8.0, 2.5)
    length = rng.uniform(10.0, 22.0)
    lean = rng.choice([-1.0, 1.0]) * rng.uniform(0.05, 0.15)
    along = (grid.trace + np.float32(lean) * grid.faces_ms) / np.float32(length) + grid.wander(rng, 15.0)[0]
    slices = along - np.floor(along) - np.float32(0.5)
    return np.float32(strength_ms) * (folds + np.float32(1.2) * slices)
