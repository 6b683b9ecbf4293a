"""A task that a network of a few channels learns in a few steps, as samples by number."""

import numpy as np

from seisdream.data.sample import UNKNOWN, Sample


class Stripes:
    """Bands of coarse and fine layering with labels and dips, some of them unknown, unevenly over samples."""

    classes = ("coarse", "fine", "dark")
    colours = ("#d9a441", "#4c8fc9", "#8b5a9b")

    def __init__(self, seed=0, size=(32, 24), unknown=0.0, nan_from=None):
        self.seed, self.size, self.unknown, self.nan_from = seed, size, unknown, nan_from

    def __len__(self):
        return 2**31

    def __getitem__(self, number):
        rng = np.random.default_rng([self.seed, number])
        rows = np.arange(self.size[0])[:, None] + np.zeros(self.size)
        edges = np.sort(rng.uniform(0, self.size[0], 2))
        classes = np.digitize(rows, edges).astype(np.uint8)
        waves = np.stack([np.sin(rows * 0.6), np.sin(rows * 2.2), 0.3 * np.sin(rows) - 0.7])
        image = np.take_along_axis(waves, classes[None].astype(int), 0)[0] + rng.normal(0, 0.05, self.size)
        dip = rng.normal(0, 0.2, self.size).astype(np.float32)
        if self.unknown and number % 3 != 1:
            classes[: round(self.unknown * self.size[0])] = UNKNOWN
            dip[:, : round(self.unknown * self.size[1])] = np.nan
        if self.nan_from is not None and number >= self.nan_from:
            image[0, 0] = np.nan
        return Sample(np.clip(image, -1, 1)[None].astype(np.float32), classes, dip=dip)
