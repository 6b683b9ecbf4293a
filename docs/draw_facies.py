"""Draw a generated section for each facies, with the facies in orange: docs/pictures/facies.jpg.

python docs/draw_facies.py
"""

import matplotlib
import matplotlib.colors
import numpy as np
from draw_pictures import save
from matplotlib.figure import Figure
from scipy.ndimage import label

from seisdream.synthetic import FACIES, generate_sections


def largest_body(earth, code):
    """Return the share of the section that the largest body of a facies fills."""
    bodies, _ = label(earth.facies.values == code)
    return np.bincount(bodies.ravel())[1:].max(initial=0) / bodies.size


def main():
    matplotlib.use("agg")
    earths = list(generate_sections(1977, 240))
    figure = Figure(figsize=(14, 4.8), dpi=100, layout="constrained")
    for code, (axes, facies) in enumerate(zip(figure.subplots(2, 5).flat, FACIES, strict=True)):
        # The section with a body of a quarter of its area, and little noise; each section is drawn once.
        def misfit(earth, code=code):
            noise = float((earth.seismic - earth.noise_free).std())
            return 4.0 * abs(largest_body(earth, code) - 0.25) + noise

        earth = earths.pop(min(range(len(earths)), key=lambda number: misfit(earths[number])))
        seismic = earth.seismic.values
        clip = np.percentile(np.abs(seismic), 99)
        axes.imshow(seismic, cmap="gray", vmin=-clip, vmax=clip, aspect="auto")
        is_facies = earth.facies.values == code
        tint = np.zeros((*is_facies.shape, 4))
        tint[is_facies] = (*matplotlib.colors.to_rgb("tab:orange"), 0.22)
        axes.imshow(tint, aspect="auto", interpolation="nearest")
        axes.contour(is_facies, levels=[0.5], colors=["tab:orange"], linewidths=1.5)
        axes.set_axis_off()
        axes.set_title(f"{code}: {facies.name}", loc="left", fontsize=9)
    save(figure, "facies")


if __name__ == "__main__":
    main()
