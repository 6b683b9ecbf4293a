"""Many dreams at once: sections of one size, each for a channel of its own, by one look of the network at a time.

A small picture leaves most of a processor waiting: for the next operator to begin, and for weights to come from memory
that are used once. Several pictures in one batch share both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.ascent import gradient_ascent_step
from seisdream.dreaming.objectives.terms import Channel
from seisdream.dreaming.octaves import build_octaves, octave_sizes
from seisdream.dreaming.optimizer import ParameterizedAscent
from seisdream.dreaming.parameterizations.factory import begin_parameterization, resolve_parameterization
from seisdream.dreaming.resolve import check_size, resolve_settings
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.transforms import Jitter
from seisdream.errors import SeisdreamError
from seisdream.inference.resize import resize
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import GreyMapping, absent_samples, check_section, fill_absent

BATCH = 32
"""How many pictures go through the network at once: enough to keep it busy, few enough for a cache."""

_TOGETHER = ("pixel", "fourier", "phase", "bandlimited")


def dream_many(
    sections: Sequence[xr.DataArray],
    network: Network,
    layer: str,
    channels: Sequence[int],
    recipe: DreamSettings | None = None,
    *,
    seeds: Sequence[int] | None = None,
    survey: xr.DataArray | None = None,
    prepared: PreparedNetwork | None = None,
    batch: int = BATCH,
    on_step: Callable[[int], None] = lambda n_dreams: None,
) -> np.ndarray:
    """Dream on sections of one size, each for one channel of a layer.

    What comes out is, to the rounding of a batched convolution, what `Dream` makes of each section by itself with
    ``layer=f"{layer}:{channel}"`` and its own seed.

    Parameters
    ----------
    sections : sequence of DataArray
        ``(time, trace)`` amplitudes, all of one size and without absent samples; the same one may stand several times.
    network : Network
        From `seisdream.load_network`.
    layer : str
        One of its layers; of its class layer, the channels are the classes.
    channels : sequence of int
        A channel for each section.
    recipe : Recipe, optional
        Settings for all. One level, on the whole section; free are ``pixel``, ``fourier``, ``phase`` or
        ``bandlimited``.
    seeds : sequence of int, optional
        Of each dream's jitter; by default the recipe's for all.
    survey : DataArray, optional
        A section whose spectrum or band is measured in the sections' place. Without one, ``fourier`` and
        ``bandlimited``, which measure, need the same section each time.
    prepared : PreparedNetwork, optional
        Of the network, to be used instead of a new one in the recipe's precision on its device.
    batch : int, default 32
        Dreams that go through the network at once.
    on_step : callable, optional
        Called after each step with the number of dreams that took it.

    Returns
    -------
    array
        float32 ``(dream, time, trace)`` in the sections' own units.

    Raises
    ------
    SeisdreamError
        If settings, sections and network do not fit together, or a step gives what is not finite.

    Examples
    --------
    >>> import seisdream
    >>> noise = [seisdream.open_section("noise:48x48", seed=seed) for seed in (0, 1)]
    >>> dream_many(noise, seisdream.load_network("gabor"), "stage2/rectified", [0, 5], DreamSettings(steps=1)).shape
    (2, 48, 48)
    """
    recipe = recipe or DreamSettings()
    n_dreams = len(sections)
    seeds = [recipe.seed] * n_dreams if seeds is None else seeds
    if not n_dreams or not n_dreams == len(channels) == len(seeds):
        raise SeisdreamError(
            f"Each dream needs a section, a channel and a seed; got {n_dreams} sections, {len(channels)} channels and "
            f"{len(seeds)} seeds."
        )
    recipe = _settle(recipe, sections, network, layer, channels, survey)
    prepared = prepared or network.prepared(recipe.device, recipe.precision)
    dreamed = []
    for first in range(0, n_dreams, batch):
        those = slice(first, first + batch)
        together = _Together(sections[those], recipe, seeds[those], survey)
        for uphill in together.steps():
            uphill(prepared, layer, channels[those])
            on_step(len(sections[those]))
        dreamed.append(together.result())
    return np.concatenate(dreamed)


def channel_gradients(
    prepared: PreparedNetwork, pictures: torch.Tensor, layer: str, channels: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return of each picture the mean of its own channel over positions, and the gradient of that.

    Parameters
    ----------
    prepared : PreparedNetwork
        Frozen, on its device, in its precision.
    pictures : Tensor
        ``(picture, 1, row, column)`` in grey levels.
    layer : str
        Whose channels are asked for.
    channels : sequence of int
        One for each picture.

    Returns
    -------
    scores : Tensor
        float32 ``(picture,)``.
    gradients : Tensor
        Shaped as the pictures.
    """
    leaf = pictures.detach().requires_grad_(True)
    activations = prepared.record(leaf, (layer,))[layer]
    asked = activations[torch.arange(len(pictures)), torch.as_tensor(channels)]
    scores = asked.float().mean((1, 2))
    with prepared.exactly():
        # No picture of a batch sees another, so the gradient of the sum is each one's own.
        (gradients,) = torch.autograd.grad(scores.sum(), leaf)
    return scores.detach(), gradients


@dataclass(frozen=True)
class _Scales:
    """The grey mappings of several sections, ``(section, 1, 1, 1)``."""

    low: torch.Tensor
    units_per_grey: torch.Tensor

    @classmethod
    def of(cls, sections: Sequence[xr.DataArray], percentile: float, device: str) -> _Scales:
        mappings = [GreyMapping.of(section, percentile) for section in sections]
        lows, units = ([getattr(one, name) for one in mappings] for name in ("low", "units_per_grey"))
        return cls(*(torch.tensor(numbers, device=device)[:, None, None, None] for numbers in (lows, units)))

    def to_grey(self, values: torch.Tensor) -> torch.Tensor:
        return (values - self.low) / self.units_per_grey


_Uphill = Callable[[PreparedNetwork, str, Sequence[int]], None]


class _Together:
    """Some dreams on their way, in one tensor ``(dream, 1, row, column)``."""

    def __init__(
        self, sections: Sequence[xr.DataArray], recipe: DreamSettings, seeds: Sequence[int], survey: xr.DataArray | None
    ):
        self._recipe = recipe
        self._randoms = [np.random.default_rng(seed) for seed in seeds]
        self._start = torch.from_numpy(np.stack([fill_absent(one)[0] for one in sections])[:, None]).to(recipe.device)
        self._scales = _Scales.of(sections, recipe.percentile, recipe.device)
        size = (self._start.shape[-2], self._start.shape[-1])
        self._sizes = octave_sizes(size, recipe.octaves or 1, recipe.octave_scales)
        self._climb = None
        if recipe.parameterization != "pixel":
            free = begin_parameterization(recipe, sections[0], self._start, None, survey)
            self._climb = ParameterizedAscent(free, self._scales, clip=recipe.clip)
        self._change = torch.zeros_like(self._start)

    def steps(self) -> Iterator[_Uphill]:
        """Yield a function for each step, which takes it."""
        return self._pixel_steps() if self._climb is None else self._climbing_steps(self._climb)

    def result(self) -> np.ndarray:
        """Return the sections as they are now ``(dream, row, column)``."""
        if self._climb is not None:
            values = self._climb.section()
        else:
            values = self._start + self._change * self._scales.units_per_grey
        return values[:, 0].cpu().numpy().astype(np.float32)

    def _pixel_steps(self) -> Iterator[_Uphill]:
        start = self._scales.to_grey(self._start)
        start = start.clamp(0.0, 255.0) if self._recipe.clip else start
        detail = torch.zeros_like(start)
        for base in build_octaves(start, self._sizes):
            self._picture = base + resize(detail, (base.shape[-2], base.shape[-1]))
            for _ in range(self._recipe.steps):
                yield self._step_pixels
            detail = self._picture - base
        self._change = detail

    def _step_pixels(self, prepared: PreparedNetwork, layer: str, channels: Sequence[int]) -> None:
        _, gradients = self._look(prepared, layer, channels, self._picture)
        self._picture = _finite(
            gradient_ascent_step(self._picture, gradients, self._recipe.step_size, clip=self._recipe.clip), layer
        )

    def _climbing_steps(self, climb: ParameterizedAscent) -> Iterator[_Uphill]:
        for size in self._sizes:

            def step(prepared: PreparedNetwork, layer: str, channels: Sequence[int], size=size) -> None:
                climb.step(lambda view: self._look(prepared, layer, channels, view), size, self._recipe.step_size)
                climb.free = _finite(climb.free, layer)

            for _ in range(self._recipe.steps):
                yield step

    def _look(
        self, prepared: PreparedNetwork, layer: str, channels: Sequence[int], pictures: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores and gradients of the pictures, each looked at from a shifted place of its own."""
        jitter, edges = self._recipe.jitter, self._recipe.edges or "wrap"
        offsets = [random.integers(-jitter, jitter + 1, 2).tolist() for random in self._randoms]
        shifts = [Jitter((down, across), edges) for down, across in offsets]
        looks = torch.cat([shift.look(one) for shift, one in zip(shifts, pictures.split(1), strict=True)])
        scores, gradients = channel_gradients(prepared, looks, layer, channels)
        back = [shift.adjoint(one) for shift, one in zip(shifts, gradients.split(1), strict=True)]
        return scores, torch.cat(back)


def _finite(values: torch.Tensor, layer: str) -> torch.Tensor:
    if not bool(torch.isfinite(values).all()):
        raise SeisdreamError(
            f"A step for a channel of '{layer}' gave a picture that is not finite; use --precision float32, or look "
            "for extreme amplitudes (seisdream info)."
        )
    return values


def _settle(
    recipe: DreamSettings,
    sections: Sequence[xr.DataArray],
    network: Network,
    layer: str,
    channels: Sequence[int],
    survey: xr.DataArray | None,
) -> DreamSettings:
    """Settle what the recipe leaves open, once for all; raise `SeisdreamError` where not all can go together."""
    first = sections[0]
    for section in {id(one): one for one in sections}.values():
        check_section(section)
        n_absent = int(absent_samples(section).sum())
        if section.ndim != 2 or section.shape != first.shape or n_absent:
            raise SeisdreamError(
                f"Dreams go together on sections in grey of one size ({first.shape[0]} × {first.shape[1]}) without "
                f"absent or muted samples; got one of shape {section.shape} with {n_absent} of them. Where zeros are "
                'amplitudes, say so with make_section(..., muted="present").'
            )
    unlike = {
        "levels": recipe.levels != 1, "guide": recipe.guide, "mask": recipe.mask, "where": recipe.where,
        "robust": recipe.robust, "keep": recipe.keep, "colour": recipe.colour, "tile": recipe.tile,
        "window-ms": recipe.window_ms, "parameterization": recipe.parameterization not in _TOGETHER,
    }  # fmt: skip
    if named := [f"--{name}" for name, is_there in unlike.items() if is_there]:
        raise SeisdreamError(
            f"Many dreams at once have one level on the whole section, with {', '.join(_TOGETHER)} free; dream one by "
            f"one with {' and '.join(named)}."
        )
    for channel in set(channels):
        Channel(layer, channel).bind(network)
    recipe, _ = resolve_settings(replace(recipe, layer=layer), first, network, None, [])
    recipe = resolve_parameterization(recipe, first, survey)
    measures = recipe.parameterization == "bandlimited" or recipe.spectrum == "own"
    if measures and survey is None and any(one is not first for one in sections):
        raise SeisdreamError(
            f"With {recipe.parameterization} free, dreams on different sections go together with one survey that is "
            "measured for all (--survey)."
        )
    check_size(recipe, first, network, (layer,))
    return recipe
