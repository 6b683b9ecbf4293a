"""Draw what geology dreams at each depth, with the preset 2015: docs/pictures/sheet-geology-layers.png.

    python docs/draw_dream_sheets.py [SHARED]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project.
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
NETWORK, LAYERS, N_COLUMNS = "geology", ("enc2", "enc3", "enc4", "enc5", "enc6"), 3
_SIZE = (2.9, 1.9)


def open_inputs(shared):
    """Return a real section and noise, by title."""
    f3 = np.load(shared / "data" / "f3_inline362.npz")["amplitude"][14:]
    noise = np.random.default_rng(0).standard_normal((384, 534)).astype(np.float32)
    return {"F3 inline 362": sd.make_section(f3, dt_ms=4.0), "noise": sd.make_section(noise, dt_ms=4.0)}


def draw_sheet(network, sections):
    """Return a figure of each section and its dreams."""
    panels = []
    for title, section in sections.items():
        mapping = GreyMapping.of(section)
        panels.append((title, mapping.to_grey(section.values)))
        for layer in LAYERS:
            dream = sd.dream(section, network, layer, preset="2015", boundary="mirror", zoom=0.0).dream
            panels.append((layer, mapping.to_grey(dream.values)))
            print(title, layer, flush=True)
    n_rows = len(panels) // N_COLUMNS
    figure = Figure(figsize=(_SIZE[0] * N_COLUMNS, _SIZE[1] * n_rows), dpi=100, layout="constrained")
    for axis, (title, grey) in zip(figure.subplots(n_rows, N_COLUMNS).flat, panels, strict=True):
        axis.set_axis_off()
        axis.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="antialiased")
        axis.set_title(title, fontsize=8, loc="left", pad=2)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    options = parser.parse_args()
    matplotlib.use("agg")
    save(draw_sheet(sd.load_network(NETWORK), open_inputs(options.shared)), f"sheet-{NETWORK}-layers", dpi=80)


if __name__ == "__main__":
    main()
