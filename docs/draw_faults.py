"""Draw what `faults` finds on F3 inline 362 and in a generated cube: docs/pictures/faults-f3.jpg and faults-cube.jpg.

    python docs/draw_faults.py [SHARED] [--network NAME|FILE]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project. The line is one section; the network takes cubes, so the line is repeated on 16 inlines.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from draw_pictures import save

import seisdream as sd
from seisdream.data.sample import UNKNOWN
from seisdream.data.synthetic_stream import FAULTED_EARTHS, GeneratedFaults
from seisdream.plotting.classes import draw_classes
from seisdream.plotting.panels import GREY
from seisdream.plotting.slices import Row, cut_cube, draw_slices
from seisdream.seismic.cubes import make_cube, traces_of
from seisdream.seismic.sections import GreyMapping

SHARED = Path(__file__).parents[2] / "shared"
N_INLINES, DRAWN = 16, 12
HELD_OUT_SEED, SIZE = 4, (96, 64, 64)


def draw_f3(line, network):
    """Draw a line, the faults found where it is repeated on several inlines, and how certain they are."""
    inlines = xr.DataArray(range(N_INLINES), dims="inline", name="inline")
    cube = line.drop_attrs().expand_dims(inline=inlines).transpose("time", "inline", "crossline")
    prediction = sd.predict(cube, network, augmentations=0, tile=0).isel(inline=N_INLINES // 2, drop=True)
    prediction = prediction.transpose("class", "time", "crossline")
    return draw_classes(line, prediction, title="F3 inline 362, repeated on 16 inlines: faults")


def draw_generated(network):
    """Draw a held-out cube, its faults, and the probability of a fault."""
    cubes = GeneratedFaults(HELD_OUT_SEED, size=SIZE, augmentation=None, settings=FAULTED_EARTHS)
    cube, labels = make_cube(cubes.earth(DRAWN).seismic), cubes[DRAWN].classes
    found = sd.predict(cube, network).probabilities.isel({"class": 1}, drop=True).assign_attrs(units="probability")
    faults = cube.copy(data=np.where(labels == UNKNOWN, np.nan, labels)).assign_attrs(units="fault")
    purples = matplotlib.colormaps["Purples"]
    rows = [
        Row("Cube", cut_cube(cube), GreyMapping.of(traces_of(cube)), GREY),
        Row("Faults", cut_cube(faults), GreyMapping(0.0, 1.0), purples, extend="neither"),
        Row("Probability", cut_cube(found), GreyMapping(0.0, 1.0), purples, extend="neither"),
    ]
    return draw_slices(rows, title="A generated cube, its faults, and what faults finds")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--network", default="faults")
    options = parser.parse_args()
    matplotlib.use("agg")
    line = sd.open_section(options.shared / "data" / "f3_inline362.npz", key="amplitude")
    save(draw_f3(line, options.network), "faults-f3", dpi=72)
    save(draw_generated(options.network), "faults-cube", dpi=72)


if __name__ == "__main__":
    main()
