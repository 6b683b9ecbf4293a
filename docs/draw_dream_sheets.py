"""Draw what the shipped networks dream: docs/pictures/sheet-NAME-layers.png, and sheet-facies-classes.png.

    python docs/draw_dream_sheets.py [SHARED] [--network facies]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA) and data/31_81_PR.sgy
(U.S. Geological Survey, public domain), by default ../shared beside the project.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from draw_pictures import save
from matplotlib.figure import Figure

import seisdream as sd
from seisdream.seismic.sections import GreyMapping

SHARED = Path(__file__).parents[2] / "shared"
LAYERS = ("enc2", "enc3", "enc4", "enc5", "enc6")


def inputs(shared):
    """Return sections by title: two real ones, and noise."""
    f3 = np.load(shared / "data" / "f3_inline362.npz")["amplitude"][14:]
    noise = np.random.default_rng(0).standard_normal((384, 534)).astype(np.float32)
    return {
        "F3 inline 362": sd.make_section(f3, dt_ms=4.0),
        "line 31-81": sd.open_section(shared / "data" / "31_81_PR.sgy")[:700],
        "noise": sd.make_section(noise, dt_ms=4.0),
    }


def draw_sheet(network, sections, objectives, n_columns, size):
    """Return a figure of each section and its dreams, in panels of a size in inches."""
    panels = []
    for title, section in sections.items():
        mapping = GreyMapping.of(section)
        panels.append((title, mapping.to_grey(section.values)))
        for objective in objectives:
            panels.append((objective, mapping.to_grey(sd.dream(section, network, objective).dream.values)))
            print(title, objective, flush=True)
    n_rows = -(-(1 + len(objectives)) // n_columns)
    figure = Figure(figsize=(size[0] * n_columns, size[1] * n_rows * len(sections)), dpi=100, layout="constrained")
    axes = figure.subplots(n_rows * len(sections), n_columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for number, (title, grey) in enumerate(panels):
        part, position = divmod(number, 1 + len(objectives))
        axis = axes[part * n_rows + position // n_columns, position % n_columns]
        axis.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="antialiased")
        axis.set_title(title, fontsize=8, loc="left", pad=2)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--network", default="facies")
    options = parser.parse_args()
    matplotlib.use("agg")
    network = sd.load_network(options.network)
    sections = inputs(options.shared)
    del sections["line 31-81"]
    if options.network == "facies":
        # Line 31-81 stays flat under most classes, and adds little to the page of the other networks.
        sheet = draw_sheet(network, inputs(options.shared), LAYERS, 3, (2.9, 1.9))
        save(sheet, "sheet-facies-layers", dpi=80)
        classes = [f"class:{name}" for name in network.classes]
        save(draw_sheet(network, sections, classes, 4, (2.2, 1.4)), "sheet-facies-classes", dpi=90)
    else:
        save(draw_sheet(network, sections, LAYERS, 3, (2.9, 1.9)), f"sheet-{options.network}-layers", dpi=80)


if __name__ == "__main__":
    main()
