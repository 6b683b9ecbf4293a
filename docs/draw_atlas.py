"""Draw pages of an atlas of facies on F3 inline 362: docs/pictures/atlas-channel, atlas-layer and atlas-phone (PNG).

    python docs/draw_atlas.py [SHARED] [--browser chromium] [--atlas DIR]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project. The atlas, of some channels only, is made in DIR, or looked at if it is there; a browser of the
Chromium family takes the pictures.
"""

import argparse
import io
import subprocess
import tempfile
from pathlib import Path

from draw_pictures import PICTURES, with_few_colours
from PIL import Image

from seisdream.atlas.making import make_atlas
from seisdream.atlas.settings import AtlasSettings
from seisdream.models.registry import load_network

SHARED = Path(__file__).parents[2] / "shared"
SETTINGS = AtlasSettings(layers=("enc3", "enc5", "logits"), channels_at_most=32)
MOST_BYTES = 240_000
PAGES = {
    "atlas-channel": ("enc5/20", (1180, 1500), 0.75),
    "atlas-layer": ("enc3?sort=dip&show=waves", (1180, 620), 0.75),
    "atlas-phone": ("enc5/20", (390, 1500), 0.6),
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
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        atlas = asked.atlas or Path(folder) / "facies.atlas"
        source = asked.shared / "data" / "f3_inline362.npz"
        index, *_ = make_atlas(load_network("facies"), source, atlas, SETTINGS, input_options={"key": "amplitude"})
        for name, (place, size, scale) in PAGES.items():
            picture = photograph(asked.browser, f"{index.resolve().as_uri()}#{place}", size, folder)
            picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.LANCZOS)
            for n_colours in (192, 128, 96, 64, 48, 32):
                small = io.BytesIO()
                with_few_colours(picture, n_colours).save(small, format="png", optimize=True)
                if small.tell() <= MOST_BYTES:
                    break
            (PICTURES / f"{name}.png").write_bytes(small.getvalue())
            print(f"{name}.png: {picture.width} × {picture.height}, {n_colours} colours, {small.tell() // 1000} kB")


if __name__ == "__main__":
    main()
