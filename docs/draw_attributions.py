"""Draw what speaks for salt at a point of F3 inline 362: docs/pictures/attribution-f3-salt.png.

    python docs/draw_attributions.py [SHARED]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project.
"""

import argparse
from pathlib import Path

import matplotlib
from draw_pictures import save

import seisdream
from seisdream.attribution.attributor import Attributor
from seisdream.plotting.attributions import draw_attribution

SHARED = Path(__file__).parents[2] / "shared"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    asked = parser.parse_args()
    matplotlib.use("agg")
    section = seisdream.open_section(asked.shared / "data" / "f3_inline362.npz", key="amplitude")
    attributor = Attributor(section, seisdream.load_network("facies"), "class:salt", at=(859, 1660))
    figure = draw_attribution(
        section, attributor(), target_mask=attributor.target_mask, title="facies: attribution of salt at the ring"
    )
    save(figure, "attribution-f3-salt", most_bytes=250_000, dpi=72)


if __name__ == "__main__":
    main()
