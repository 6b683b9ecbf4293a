"""The numbers of a prediction, as one frozen record; free of PyTorch, so that the command line starts quickly."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.dream.recipe import PRECISIONS
from seisdream.errors import SeisdreamError

PREDICTION_FILE = "prediction.json"
"""Where a prediction's folder keeps its story, and the sign that the folder is a prediction's."""


@dataclass(frozen=True)
class PredictionSettings:
    """What `seisdream.predict_section` is asked for.

    Attributes
    ----------
    percentile : float, 50 to 100, default 99
        Of absolute amplitude, for the grey mapping.
    tile : int, optional
        Side of a tile in samples, 0 for none; by default 1024 above two million samples where the network allows it.
    views : int, default 4
        Variants that are looked at beside the section itself.
    device : str, default "auto"
        As for `seisdream.nets.network.resolve_device`.
    precision : {"float32", "bfloat16", "auto"}, default "float32"
        What the layers compute in.

    Raises
    ------
    SeisdreamError
        If a number is out of range.
    """

    percentile: float = 99.0
    tile: int | None = None
    views: int = 4
    device: str = "auto"
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name, is_right, expected in (
            ("percentile", 50 <= self.percentile <= 100, "50 to 100"),
            ("tile", self.tile is None or self.tile >= 0, "0 (whole) or a side in samples"),
            ("views", self.views >= 0, "0 (none) or more"),
            ("precision", self.precision in PRECISIONS, ", ".join(PRECISIONS)),
        ):
            if not is_right:
                raise SeisdreamError(f"Got {name} {getattr(self, name)}; it is {expected} (--{name}).")
