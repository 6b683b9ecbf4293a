"""From grey levels to the input of a network: normalisation, scale and channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import torch

from seisdream.errors import SeisdreamError
from seisdream.models.normalisation import STATISTICS, Normalisation, Statistics

_MOST_LINES = 999


@dataclass(frozen=True)
class Preprocessing:
    """How an image in grey levels (0 to 255) becomes the input of a network.

    The input is ``(image * scale - mean) / std``, channel by channel. With any `normalise` but "fixed", the image is
    first normalised by its own statistics. Grey levels are a linear map of amplitudes, so these are a z-score or a
    range of the amplitudes themselves, and amplitudes are not clipped at a percentile before.

    Attributes
    ----------
    order : {"grey", "rgb", "bgr"}, default "grey"
        Input channels of the network. A grey image is repeated for a colour network, and a colour image is averaged for
        a grey network.
    scale : float, default 1
        1 for networks trained on 0 to 255, 1/255 for those trained on 0 to 1.
    mean, std : tuple of float, defaults 0 and 1
        One value for each channel in the order of the network, or one for all; in units of ``image * scale``.
    normalise : str, default "fixed"
        - ``fixed``: the grey levels themselves;
        - ``zscore``: minus the mean, divided by the standard deviation;
        - ``zscore-clip:3``: the same, clipped at 3 standard deviations;
        - ``minmax``: the smallest value becomes -1 and the largest 1; ``minmax:0,1`` is 0 to 1;
        - ``zscore-clip:3+minmax``: one after the other.
    statistics : {"section", "window", "volume"}, default "section"
        What the statistics are measured on: the section (or cube), what the network is given at once (a tile, or a
        window of a network of one size), or the volume that the section is from. Absent samples do not count.
    lines : int, default 1
        Neighbouring lines that the network takes as channels (2.5-D): the section is in the middle. Odd.
    constants : tuple of float, default ()
        Further input channels with one value each, after the others, neither normalised nor scaled.

    Raises
    ------
    SeisdreamError
        If a name is not known, the number of values is wrong, or a std is not positive.
    """

    order: Literal["grey", "rgb", "bgr"] = "grey"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    normalise: str = "fixed"
    statistics: Literal["section", "window", "volume"] = "section"
    lines: int = 1
    constants: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.order not in ("grey", "rgb", "bgr"):
            raise SeisdreamError(
                f"`input_order` is '{self.order}'; it must be grey, rgb or bgr.",
                code="unknown-name",
                option="input_order",
            )
        _ = self._normalisation
        if self.statistics not in STATISTICS:
            raise SeisdreamError(
                f"`statistics` is '{self.statistics}'; it must be section, window or volume.",
                code="unknown-name",
                option="statistics",
            )
        self._check_lines()
        object.__setattr__(self, "constants", _floats(self.constants))
        if not all(map(math.isfinite, self.constants)):
            raise SeisdreamError(
                f"`input_constants` are {self.constants}; all must be finite.",
                code="out-of-range",
                option="input_constants",
            )
        n_image = self.n_image_channels
        for name in ("mean", "std"):
            values = _floats(getattr(self, name))
            if len(values) == 1:
                values *= n_image
            if len(values) != n_image:
                needs = f"{self.order} needs {n_image}" if self.lines == 1 else f"{self.lines} lines need {n_image}"
                raise SeisdreamError(
                    f"`input_{name}` has {len(values)} values; {needs}, or one for all.",
                    code="wrong-shape",
                    option=f"input_{name}",
                )
            object.__setattr__(self, name, values)
        if not all(map(math.isfinite, (self.scale, *self.mean, *self.std))) or not self.scale or not min(self.std) > 0:
            raise SeisdreamError(
                f"`input_scale` is {self.scale:g}, `input_mean` {self.mean} and `input_std` {self.std}; all must be "
                "finite, the scale not zero, and the std above zero.",
                code="out-of-range",
                option="input_scale",
            )

    def _check_lines(self) -> None:
        is_whole = isinstance(self.lines, int) and not isinstance(self.lines, bool)
        if not is_whole or not 1 <= self.lines <= _MOST_LINES or self.lines % 2 == 0:
            raise SeisdreamError(
                f"`input_lines` is {self.lines}; it must be an odd number of lines, so that the section is in the "
                f"middle, and at most {_MOST_LINES}.",
                code="out-of-range",
                option="input_lines",
            )
        if self.lines > 1 and self.order != "grey":
            raise SeisdreamError(
                f"`input_lines={self.lines}` needs `input_order=grey`: neighbouring lines take the place of colours.",
                code="incompatible",
                option="input_lines",
            )

    @cached_property
    def _normalisation(self) -> Normalisation | None:
        return Normalisation.parse(self.normalise)

    @property
    def n_image_channels(self) -> int:
        """The number of input channels that are made from the image: its lines, or 3 for colour."""
        return self.lines if self.order == "grey" else 3

    @property
    def n_channels(self) -> int:
        """The number of input channels of the network."""
        return self.n_image_channels + len(self.constants)

    @property
    def is_fixed(self) -> bool:
        """Whether the normalisation does not depend on the data, so that grey levels are clipped to 0 to 255."""
        return self._normalisation is None

    def clip(self, image: torch.Tensor) -> torch.Tensor:
        """Return grey levels within 0 to 255 if the normalisation is fixed; others as they are."""
        return image.clamp(0.0, 255.0) if self.is_fixed else image

    @property
    def is_bound_once(self) -> bool:
        """Whether statistics are those of a whole section or volume, which tiles of it share."""
        return not self.is_fixed and self.statistics != "window"

    def __call__(self, image: torch.Tensor, statistics: Statistics | None = None) -> torch.Tensor:
        """Return the input of the network.

        Parameters
        ----------
        image : Tensor
            Grey levels ``(batch, channel, row, column)``, or of cubes; 1 or 3 (RGB) channels, or one for each line.
        statistics : Statistics, optional
            Of the section or volume that the image is from, in grey levels. Default: the statistics of the image.
        """
        channels = {1, self.lines} if self.lines > 1 else {1, 3}
        if image.ndim not in (4, 5) or image.shape[1] not in channels:
            raise SeisdreamError(
                f"The input has the shape {tuple(image.shape)}; it must be (batch, {' or '.join(map(str, channels))} "
                "channels, row, column), or a batch of cubes.",
                code="wrong-shape",
            )
        if self._normalisation is not None:
            image = self._normalisation(image, statistics or Statistics.of(image))
        if self.lines == 1 and image.shape[1] == 3:
            if self.order == "grey":
                image = image.mean(dim=1, keepdim=True)
            elif self.order == "bgr":
                image = image.flip(1)
        spatial = image.ndim - 2
        image = image.expand(-1, self.n_image_channels, *(-1,) * spatial)
        mean, std = (image.new_tensor(one).view(1, -1, *(1,) * spatial) for one in (self.mean, self.std))
        values = (image * self.scale - mean) / std
        if not self.constants:
            return values
        constants = image.new_tensor(self.constants).view(1, -1, *(1,) * spatial)
        return torch.cat([values, constants.expand(len(image), -1, *image.shape[2:])], 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments, ready for JSON: order, scale, mean and std always, others unless they are defaults."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        kept = {name: value for name, value in values.items() if value != _DEFAULTS.get(name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}

    def describe(self) -> str:
        """Return how the input is made, in one line."""
        source = "grey levels 0–255"
        if self._normalisation is not None:
            of = {"section": "the section", "window": "each window", "volume": "the volume"}[self.statistics]
            source = f"{self.normalise} of {of}"
        lines = f"; {self.lines} neighbouring lines" if self.lines > 1 else ""
        constants = f"; then constant channels {_numbers(self.constants)}" if self.constants else ""
        scaled = f"({source} × {self.scale:g} − {_numbers(self.mean)}) / {_numbers(self.std)}"
        return scaled + lines + constants


class AlreadyNormalised(Preprocessing):
    """The preprocessing of a network whose inputs are normalised already: it changes nothing.

    Parameters
    ----------
    like : Preprocessing
        What was applied.
    """

    def __init__(self, like: Preprocessing) -> None:
        super().__init__(like.order, lines=like.lines, constants=like.constants)

    def __call__(self, image: torch.Tensor, statistics: Statistics | None = None) -> torch.Tensor:
        """Return the input as it is."""
        return image


_DEFAULTS = {"normalise": "fixed", "statistics": "section", "lines": 1, "constants": ()}


def _floats(values: float | Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values) if isinstance(values, Sequence) else (float(values),)


def _numbers(values: Sequence[float]) -> str:
    """Return one number if all are equal, otherwise all in parentheses."""
    return f"{values[0]:g}" if len(set(values)) == 1 else "(" + ", ".join(f"{value:g}" for value in values) + ")"
