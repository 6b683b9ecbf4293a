"""The numbers of an atlas as a frozen record; free of PyTorch, so that help comes quickly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from seisdream.dreaming.settings import PRECISIONS
from seisdream.errors import SeisdreamError

ATLAS_FILE = "atlas.json"
"""Where an atlas keeps what it was made from, and the sign that a folder is an atlas."""


@dataclass(frozen=True)
class AtlasSettings:
    """What an atlas is made with.

    Attributes
    ----------
    layers : tuple of str
        Names of layers, or patterns such as ``enc*``; empty: the network's stages, which are the layers that it is
        directly made of.
    channels_at_most : int, optional
        The first so many channels of each layer; by default all.
    seeds : int, default 2
        Dreams of each channel, each from noise of its own.
    size : int, default 96
        Samples and traces of a dream.
    steps : int, default 16
        Of each dream from noise; on the section half as many.
    step_size : float, default 8
        Mean change of a step from noise, in grey levels of 255.
    patches : int, default 6
        Real patches of each channel.
    every : int, default 1
        Each so-manieth inline of a volume is looked at.
    percentile : float, 50 to 100, default 99
        Of absolute amplitude, for the grey mapping.
    precision, device : str
        Of the dreams; what is measured is measured in float32.

    Raises
    ------
    SeisdreamError
        If a number is out of range.
    """

    layers: tuple[str, ...] = ()
    channels_at_most: int | None = None
    seeds: int = 2
    size: int = 96
    steps: int = 16
    step_size: float = 8.0
    patches: int = 6
    every: int = 1
    percentile: float = 99.0
    precision: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        for name, is_right, expected in (
            ("channels_at_most", self.channels_at_most is None or self.channels_at_most >= 1, "1 or more"),
            ("seeds", 1 <= self.seeds <= 6, "1 to 6 dreams of each channel"),
            ("size", 32 <= self.size <= 256, "32 to 256 samples"),
            ("steps", self.steps >= 1, "1 or more"),
            ("step_size", 0 < self.step_size < float("inf"), "above 0"),
            ("patches", 1 <= self.patches <= 24, "1 to 24 patches of each channel"),
            ("every", self.every >= 1, "1 or more"),
            ("percentile", 50 <= self.percentile <= 100, "50 to 100"),
            ("precision", self.precision in PRECISIONS, ", ".join(PRECISIONS)),
        ):
            if not is_right:
                raise SeisdreamError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be {expected}.")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, ready for JSON."""
        return {**asdict(self), "layers": list(self.layers)}
