"""Draw where responses of facies to F3 inline 362 exceed those to surrogates: docs/pictures/controls-f3.png.

    python docs/draw_controls.py [SHARED]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project. Prints the conclusion.
"""

import argparse
from pathlib import Path

import matplotlib
from draw_pictures import save

import seisdream

SHARED = Path(__file__).parents[2] / "shared"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    asked = parser.parse_args()
    matplotlib.use("agg")
    section = seisdream.open_section(asked.shared / "data" / "f3_inline362.npz", key="amplitude")
    result = seisdream.controls(section, "facies")
    save(result.plot(), "controls-f3", most_bytes=250_000, dpi=60)
    print(result.conclusion)


if __name__ == "__main__":
    main()
