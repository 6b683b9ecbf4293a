"""Draw which samples contribute to salt at a point of F3 inline 362: docs/pictures/attribution-f3-salt.jpg.

    python docs/draw_attributions.py [SHARED]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project.
"""

import argparse
from pathlib import Path

import matplotlib
import xarray as xr
from draw_pictures import save

import seisdream as sd
from seisdream.plotting.attributions import draw_attribution

SHARED = Path(__file__).parents[2] / "shared"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    options = parser.parse_args()
    matplotlib.use("agg")
    section = sd.open_section(options.shared / "data" / "f3_inline362.npz", key="amplitude")
    attribution = sd.attribute(section, "facies", "class:salt", at=(859, 1660))
    point = xr.zeros_like(section)
    point.loc[{"crossline": 859, "time": 1660}] = 1
    figure = draw_attribution(section, attribution, target_mask=point, title="facies: attribution of salt at the ring")
    save(figure, "attribution-f3-salt", dpi=72)


if __name__ == "__main__":
    main()
