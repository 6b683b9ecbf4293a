"""Draw pages of an atlas of facies-robust on F3 inline 362: docs/pictures/atlas-channel, -layer and -phone (PNG).

    python docs/draw_atlas.py [SHARED] [--browser chromium] [--atlas DIR]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project. The atlas, of some channels only, is built in DIR, or used if it is there; a browser of the
Chromium family takes the pictures.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from draw_pictures import PICTURES
from PIL import Image

import seisdream as sd

SHARED = Path(__file__).parents[2] / "shared"
SETTINGS = {"layers": ("enc3", "enc5", "logits"), "channels_at_most": 32}
PAGES = {
    "atlas-channel": ("enc5/28", (1180, 1500), 0.75),
    "atlas-layer": ("enc3?sort=dip&show=waves", (1180, 620), 0.75),
    "atlas-phone": ("enc5/28", (390, 1500), 0.6),
}


def photograph(browser, page, size, folder):
    """Return a page as a browser shows it."""
    shot = Path(folder) / "page.png"
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=3000",
         f"--window-size={size[0]},{size[1]}", f"--screenshot={shot}", page],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return Image.open(shot).convert("RGB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--browser", default="chromium")
    parser.add_argument("--atlas", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        atlas = options.atlas or Path(folder) / "facies-robust.atlas"
        source = options.shared / "data" / "f3_inline362.npz"
        sd.build_atlas("facies-robust", source, atlas, input_options={"key": "amplitude"}, **SETTINGS)
        index = (atlas / "index.html").resolve().as_uri()
        for name, (place, size, scale) in PAGES.items():
            picture = photograph(options.browser, f"{index}#{place}", size, folder)
            picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.LANCZOS)
            picture.quantize(256).save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
