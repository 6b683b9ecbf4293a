"""Draw what a facies network dreams, one picture a stage or class: docs/pictures/gallery-NAME.jpg.

    python docs/draw_gallery.py [SHARED] [--network facies-robust] [--only enc5 class:salt ...] [--film]

Each picture shows the dreams on F3 inline 362 (TNO and dGB Earth Sciences, CC BY-SA), on line 31-81 (U.S. Geological
Survey, public domain), on the built-in section and on noise, all with the default recipe. SHARED is the folder that
holds the data, by default ../shared beside the project. With --film, eight dreams in a row on F3 and on noise are drawn
as gallery-levels.jpg, each level on the result of the one before.
"""

import argparse
import io
from pathlib import Path

from draw_pictures import SHARED
from matplotlib.figure import Figure
from PIL import Image

import seisdream as sd
from seisdream.seismic.sections import GreyMapping

PICTURES = Path(__file__).parent / "pictures"
STAGES = ("enc2", "enc3", "enc4", "enc5", "enc6")
_PANEL = (5.75, 2.95)


def open_inputs(shared):
    """Return four sections by title."""
    return {
        "F3 inline 362": sd.open_section(shared / "data" / "f3_inline362.npz")[14:],  # below the mute
        "Line 31-81": sd.open_section(shared / "data" / "31_81_PR.sgy")[:1000],
        "Built-in section": sd.open_section("sample:built-in"),
        "Noise": sd.open_section("noise:448x768"),
    }


def draw(panels):
    """Return a figure of panels (title: section and grey levels of its dream), two to a row."""
    n_rows = -(-len(panels) // 2)
    figure = Figure(figsize=(2 * _PANEL[0], n_rows * _PANEL[1]), dpi=110, layout="constrained")
    for axis, (title, (section, grey)) in zip(figure.subplots(n_rows, 2).flat, panels.items(), strict=True):
        down, across = (section[dim].values for dim in section.dims)
        half = (down[1] - down[0]) / 2
        extent = (across[0] - 0.5, across[-1] + 0.5, down[-1] + half, down[0] - half)
        axis.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto", extent=extent, interpolation="antialiased")
        axis.set_title(title, fontsize=9, loc="left", pad=2)
        axis.set_xlabel(section.dims[1].capitalize(), fontsize=7, labelpad=1)
        axis.set_ylabel("Time (ms)", fontsize=7, labelpad=1)
        axis.tick_params(labelsize=7, length=2, pad=1.5)
    return figure


def save(figure, name):
    """Write a figure as a grey JPEG."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    picture = Image.open(drawn).convert("L")
    path = PICTURES / f"gallery-{name}.jpg"
    picture.save(path, quality=80, optimize=True)
    print(f"{path.name}: {picture.width} × {picture.height}, {path.stat().st_size // 1000} kB", flush=True)


def draw_objective(objective, network, sections):
    """Draw the dreams of one objective on all sections."""
    panels = {}
    for title, section in sections.items():
        dream = sd.dream(section, network, objective).dream
        panels[f"{title}, a dream of {objective}"] = section, GreyMapping.of(section).to_grey(dream.values)
    save(draw(panels), objective.replace(":", "-").replace(" ", "-"))


def draw_levels(network, sections, layer):
    """Draw eight dreams in a row, on F3 and on noise."""
    panels = {}
    for title in ("F3 inline 362", "Noise"):
        section = sections[title]
        result = sd.dream(section, network, layer, levels=8)
        for level in (1, 3, 5, 8):
            panels[f"{title}, a dream of {layer}, level {level}"] = section, result.level_images[level - 1]
    save(draw(panels), "levels")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--network", default="facies-robust")
    parser.add_argument("--only", nargs="*", help="stages and classes; by default all")
    parser.add_argument("--film", action="store_true", help="draw the eight levels instead")
    options = parser.parse_args()
    network = sd.load_network(options.network)
    sections = open_inputs(options.shared)
    if options.film:
        draw_levels(network, sections, network.default_layer)
        return
    for objective in options.only or (*STAGES, *(f"class:{name}" for name in network.classes)):
        draw_objective(objective, network, sections)


if __name__ == "__main__":
    main()
