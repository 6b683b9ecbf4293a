"""What the path check finds: by layer, whether a dream takes the way of real sections."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any


@dataclass(frozen=True)
class LayerPath:
    """How a dream's activations at one layer compare with those of real patches.

    Attributes
    ----------
    layer : str
        Its name.
    dream : float
        Mean rank correlation of channel means between dreamed and real patches; the median over dreamed patches.
    real : float
        The same between real patches, the median.
    lowest : float
        5th percentile of real patches.
    """

    layer: str
    dream: float
    real: float
    lowest: float

    @property
    def is_natural(self) -> bool:
        """Whether the dream correlates with real patches as they do with one another."""
        return self.dream >= self.lowest


@dataclass(frozen=True)
class PathCheck:
    """Whether a dream takes the way of real sections, layer by layer.

    Attributes
    ----------
    objective : str
        What was dreamed.
    layers : tuple of LayerPath
        In the order in which they are computed.
    n_real, n_dreamed : int
        Patches that were compared.
    """

    objective: str
    layers: tuple[LayerPath, ...]
    n_real: int
    n_dreamed: int

    @property
    def natural_from(self) -> str | None:
        """The first layer from which on the dream is natural up to the last; None if the last is not natural."""
        first = None
        for one in reversed(self.layers):
            if not one.is_natural:
                break
            first = one.layer
        return first

    @property
    def share(self) -> float:
        """Share of layers where the dream is natural."""
        return sum(one.is_natural for one in self.layers) / len(self.layers)

    @property
    def where(self) -> str:
        """Where the dream is natural, in words: "at every layer", "at no layer", or such as "from enc4 on"."""
        runs = [
            (natural, [one.layer for one in run]) for natural, run in groupby(self.layers, lambda one: one.is_natural)
        ]
        if len(runs) == 1:
            return "at every layer" if runs[0][0] else "at no layer"
        parts = []
        for number, (natural, names) in enumerate(runs, start=1):
            if natural and len(names) == 1:
                parts.append(f"at {names[0]}")
            elif natural:
                parts.append(f"from {names[0]} " + ("on" if number == len(runs) else f"to {names[-1]}"))
        return " and ".join(parts)

    def __str__(self) -> str:
        return f"natural {self.where}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a record."""
        layers = [{**asdict(one), "natural": one.is_natural} for one in self.layers]
        return {"conclusion": str(self), "where": self.where, "natural_from": self.natural_from, "n_real": self.n_real,
                "n_dreamed": self.n_dreamed, "layers": layers}  # fmt: skip
