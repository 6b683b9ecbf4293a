"""Draw where facies-robust responds to F3 inline 362 more than to surrogates: docs/pictures/controls-f3.jpg.

    python docs/draw_controls.py [SHARED]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project. Prints the conclusion.
"""

import argparse
from pathlib import Path

import matplotlib
from draw_pictures import save

import seisdream as sd

SHARED = Path(__file__).parents[2] / "shared"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    options = parser.parse_args()
    matplotlib.use("agg")
    section = sd.open_section(options.shared / "data" / "f3_inline362.npz", key="amplitude")
    result = sd.controls(section, "facies-robust", "enc5")
    save(result.plot(), "controls-f3", dpi=60)
    print(result.conclusion)


if __name__ == "__main__":
    main()
