"""Draw what the shipped networks dream: docs/pictures/sheet-NAME.png for layers and for each class.

    python docs/draw_dream_sheets.py [SHARED] [--network facies]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA) and data/31_81_PR.sgy
(U.S. Geological Survey, public domain), by default ../shared beside the project. The third row dreams on noise.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from draw_pictures import save
from matplotlib.figure import Figure

import seisdream
from seisdream.seismic.sections import GreyMapping

SHARED = Path(__file__).parents[2] / "shared"
LAYERS = ("enc2", "enc3", "enc4", "enc5", "enc6")


def inputs(shared):
    """Return sections by title: two real ones, and noise."""
    f3 = np.load(shared / "data" / "f3_inline362.npz")["amplitude"][14:]
    npra = seisdream.open_section(shared / "data" / "31_81_PR.sgy")[:700]
    noise = np.random.default_rng(0).standard_normal((384, 534)).astype(np.float32)
    return {
        "F3 inline 362": seisdream.make_section(f3, dt_ms=4.0),
        "line 31-81": npra,
        "noise": seisdream.make_section(noise, dt_ms=4.0),
    }


def draw_sheet(network, sections, objectives, n_columns, size):
    """Return a figure of each section and its dreams, panels of a size in inches."""
    shown = []
    for title, section in sections.items():
        mapping = GreyMapping.of(section)
        shown.append((title, mapping.to_grey(section.values)))
        for objective in objectives:
            dreamed = seisdream.dream_section(section, network, layer=objective)
            shown.append((objective, mapping.to_grey(dreamed.values)))
            print(title, objective, flush=True)
    n_each = -(-(1 + len(objectives)) // n_columns)
    figure = Figure(figsize=(size[0] * n_columns, size[1] * n_each * len(sections)), dpi=100, layout="constrained")
    axes = figure.subplots(n_each * len(sections), n_columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, (title, grey) in enumerate(shown):
        part, number = divmod(place, 1 + len(objectives))
        axis = axes[part * n_each + number // n_columns, number % n_columns]
        axis.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="antialiased")
        axis.set_title(title, fontsize=8, loc="left", pad=2)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--network", default="facies")
    asked = parser.parse_args()
    matplotlib.use("agg")
    network = seisdream.load_network(asked.network)
    sections = inputs(asked.shared)
    save(draw_sheet(network, sections, LAYERS, 3, (2.9, 1.9)), f"sheet-{asked.network}-layers", most_bytes=250_000)
    classes = [f"class:{name}" for name in network.classes]
    save(draw_sheet(network, sections, classes, 4, (2.2, 1.4)), f"sheet-{asked.network}-classes", most_bytes=250_000)


if __name__ == "__main__":
    main()
