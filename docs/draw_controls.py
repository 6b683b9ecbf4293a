"""Draw where facies makes more of F3 inline 362 than of its surrogates: docs/pictures/controls-f3.png.

    python docs/draw_controls.py [SHARED]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project. Prints the verdict of the page.
"""

import argparse
from pathlib import Path

import matplotlib
from draw_pictures import save

import seisdream
from seisdream.controls.control_files import called_anywhere, panels_of
from seisdream.controls.report import summarize
from seisdream.plotting.controls import draw_controls

SHARED = Path(__file__).parents[2] / "shared"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    asked = parser.parse_args()
    matplotlib.use("agg")
    section = seisdream.open_section(asked.shared / "data" / "f3_inline362.npz", key="amplitude")
    found = seisdream.permutation_controls(section, "facies")
    figure = draw_controls(section, panels_of(found), called=called_anywhere(found))
    save(figure, "controls-f3", most_bytes=250_000, dpi=60)
    print(summarize(found))


if __name__ == "__main__":
    main()
