"""Measure whether the cost of a dream is proportional to the section: time a step and peak memory by size.

    python benchmarks/sizes.py [--megapixels 0.25 1 4 16 64] [--shape 6000x20000] [--picture FILE.png]

Each size is dreamed in its own process: `facies` at enc5, one octave, noise as the section. Printed for each: seconds
a megapixel and step, peak memory, and by how many float32 copies of the section the peak exceeds 1.5 GiB (goal: at
most 6). Sections above two megapixels are dreamed in tiles. A dream needs memory for the section, the picture before
and now, its transformed copy, and the gradient.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from contenders import peak_gib


def measure(shape, steps):
    """Dream, and return seconds a step, peak memory in GiB and the tile."""
    import numpy as np

    import seisdream
    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.settings import DreamSettings

    noise = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    settings = DreamSettings(preset="2015", boundary="mirror", layer="enc5", octaves=1, steps=steps, device="cpu")
    dream = Dream(seisdream.make_section(noise, dt_ms=4.0), seisdream.load_network("facies"), settings=settings)
    del noise
    milliseconds = [state.milliseconds for state in dream.states()]
    dream.section  # noqa: B018  (what a user asks for in the end takes memory too)
    return statistics.median(milliseconds) / 1e3, peak_gib(), dream.settings.tile


def shape_of(text):
    """Read ROWSxCOLUMNS."""
    rows, columns = text.split("x")
    return int(rows), int(columns)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.25, 1, 4, 16, 64])
    parser.add_argument("--shape", type=shape_of, nargs="*", default=[], help="more sizes, ROWSxCOLUMNS")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--picture", type=Path, help="where to draw the curve")
    parser.add_argument("--worker", type=shape_of, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options.worker, options.steps)))
        return
    shapes = [(round((1e6 * size) ** 0.5),) * 2 for size in options.megapixels] + options.shape
    print(f"{'section':>16}{'megapixels':>12}{'tile':>7}{'s a megapixel':>15}{'peak GiB':>10}{'copies':>8}")
    results = []
    for rows, columns in shapes:
        command = [sys.executable, __file__, "--worker", f"{rows}x{columns}", "--steps", str(options.steps)]
        began = time.perf_counter()
        seconds, peak, tile = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        megapixels, copy = rows * columns / 1e6, rows * columns * 4 / 2**30
        results.append((megapixels, seconds / megapixels, peak))
        print(
            f"{f'{rows} × {columns}':>16}{megapixels:>12.2f}{tile or '—':>7}{seconds / megapixels:>15.3f}{peak:>10.2f}"
            f"{max(0.0, peak - 1.5) / copy:>8.1f}   ({time.perf_counter() - began:.0f} s in all)",
            flush=True,
        )
    if options.picture:
        draw(results, options.picture)


def draw(results, path):
    """Draw time a megapixel and peak memory against the section's size."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), dpi=100, layout="constrained")
    megapixels, seconds, peaks = zip(*results, strict=True)
    for axis, values, label in zip(
        figure.subplots(1, 2), (seconds, peaks), ("s a megapixel and step", "peak GiB"), strict=True
    ):
        axis.plot(megapixels, values, "o-", color="#1f4e79")
        axis.set(xscale="log", xlabel="megapixels", ylabel=label, ylim=(0, 1.15 * max(values)))
        axis.grid(alpha=0.3)
    copies = [1.5 + 6 * 4e6 * size / 2**30 for size in megapixels]
    figure.axes[1].plot(megapixels, copies, "--", color="#999999", label="1.5 GiB and 6 copies")
    figure.axes[1].set_ylim(0, 1.1 * max(*copies, *peaks))
    figure.axes[1].legend(frameon=False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
