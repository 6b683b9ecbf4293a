"""Draw one generated section for each seismic facies: docs/pictures/facies-*.png.

python docs/draw_facies.py
"""

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import label

from seisdream.synthetic import FACIES, generate_sections

PICTURES = Path(__file__).parent / "pictures"


def draw(earth, code, file):
    """Draw a section, and beside it where the facies is."""
    seismic = earth.seismic.values
    clip = np.percentile(np.abs(seismic), 99)
    extent = (1, seismic.shape[1], float(earth.time[-1]), 0)
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, layout="constrained")
    for axis in axes:
        axis.imshow(seismic, cmap="gray", vmin=-clip, vmax=clip, aspect="auto", extent=extent)
        axis.set_xlabel("trace")
    shown = np.ma.masked_not_equal(earth.facies.values, code)
    colours = matplotlib.colors.ListedColormap([FACIES[code].colour])
    axes[1].imshow(shown, cmap=colours, alpha=0.6, aspect="auto", extent=extent, interpolation="nearest")
    axes[0].set_ylabel("time (ms)")
    axes[1].set_title(FACIES[code].name, fontsize=10)
    figure.savefig(file, dpi=72, pil_kwargs={"optimize": True})
    plt.close(figure)


def main():
    earths = list(generate_sections(1977, 240))
    for code, facies in enumerate(FACIES):
        # The section with a body of a quarter of the room, and little noise; each is shown once.
        def unfit(earth, code=code):
            bodies, _ = label(earth.facies.values == code)
            greatest = np.bincount(bodies.ravel())[1:].max(initial=0) / bodies.size
            return 4.0 * abs(greatest - 0.25) + float((earth.seismic - earth.noise_free).std())

        chosen = min(range(len(earths)), key=lambda number: unfit(earths[number]))
        draw(earths.pop(chosen), code, PICTURES / f"facies-{facies.name.replace(' ', '-')}.png")


if __name__ == "__main__":
    main()
