"""Draw the picture of the how-to page on concepts: eight of the concepts of `facies` at enc5 on F3 inline 362."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

import seisdream as sd
from seisdream.plotting.concepts import concept_strips, draw_concepts

N_DRAWN = 8
PICTURE = Path(__file__).parent / "pictures" / "concepts-f3.jpg"


def main() -> None:
    """Find the concepts, and draw those that reproduce best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("f3", help="F3 inline 362, such as f3_inline362.npz")
    section = sd.open_section(parser.parse_args().f3)
    found = sd.concepts("facies", section, layer="enc5", control=False)
    rows = found.provenance["concepts"]
    chosen = sorted(sorted(range(len(rows)), key=lambda number: -rows[number]["halves"])[:N_DRAWN])
    strips = concept_strips(found.dataset.isel(concept=chosen), section)
    figure = draw_concepts(strips, [rows[number] for number in chosen])
    png = PICTURE.with_suffix(".png")
    figure.savefig(png, dpi=110, bbox_inches="tight")
    Image.open(png).convert("RGB").save(PICTURE, quality=82)
    png.unlink()


if __name__ == "__main__":
    main()
