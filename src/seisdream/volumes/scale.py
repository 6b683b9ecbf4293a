"""The one amplitude scale of a volume job, so that all blocks are normalised alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seisdream.seismic.sections import GreyMapping

if TYPE_CHECKING:
    from seisdream.models.normalisation import Statistics


@dataclass(frozen=True)
class AmplitudeScale:
    """Measured once for a whole volume.

    Attributes
    ----------
    low, high : float
        Amplitudes that become black and white.
    mean, std, minimum, maximum : float
        Of all samples that are present.
    """

    low: float
    high: float
    mean: float
    std: float
    minimum: float
    maximum: float

    @property
    def mapping(self) -> GreyMapping:
        """From amplitudes to grey levels."""
        return GreyMapping(self.low, self.high)

    @property
    def statistics(self) -> Statistics:
        """As networks are normalised with them, in the units of the volume."""
        import torch

        from seisdream.models.normalisation import Statistics

        values = (self.mean, self.std, self.minimum, self.maximum)
        return Statistics(*(torch.tensor([value], dtype=torch.float64) for value in values))
