"""The concepts that an atlas opens with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seisdream.atlas.sprites import resize_tile, write_strip
from seisdream.io.atomic import writing_file
from seisdream.results.concept_result import ConceptResult

SHEET = "concepts.webp"
_SIDE, _MAX_PATCHES, _N_CLASSES = 96, 4, 3


def write_concepts(result: ConceptResult, folder: Path) -> dict[str, Any]:
    """Write the dreams and patches of concepts as one picture, and return what the first page shows of them.

    Parameters
    ----------
    result : ConceptResult
        Of the network of the atlas.
    folder : Path
        Of the atlas.
    """
    patches = result.dataset["patches"].values[:, :_MAX_PATCHES]
    dreams = result.dataset["dreams"].values[:, None] if "dreams" in result.dataset else patches[:, :0]
    rows = [[*dreams[number], *patches[number]] for number in range(len(patches))]
    with writing_file(folder / SHEET, force=True) as aside:
        write_strip(aside, [resize_tile(tile, _SIDE) for row in rows for tile in row], columns=len(rows[0]))
    return {
        "layer": result.layer,
        "tiles": len(rows[0]),
        "dreams": int(dreams.shape[1]),
        "rows": [
            {
                "name": name,
                "share": known["share"],
                "halves": known["halves"],
                "channels": known["channels"],
                "raises": _raised(known.get("importance", {})),
            }
            for name, known in zip(result.names, result.provenance["concepts"], strict=True)
        ],
    }


def _raised(importance: dict[str, float]) -> list[str]:
    """Return the classes that a concept raises most."""
    return sorted((name for name in importance if importance[name] > 0), key=lambda name: -importance[name])[
        :_N_CLASSES
    ]
