"""What every parameterization is: optimized parameters, and the section that follows from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from scipy.ndimage import convolve1d, minimum_filter1d

from seisdream.inference.tensors import Size, resize
from seisdream.seismic.sections import GreyMapping

Constraint = Callable[[torch.Tensor], torch.Tensor]
"""From a section after a step to the nearest one that is allowed."""


class AmplitudeScale:
    """The linear maps of several sections from their units to grey levels.

    Parameters
    ----------
    mappings : sequence of GreyMapping
        One for each section of the batch.
    limits : (float, float) or None
        Keep grey levels within these.
    """

    def __init__(self, mappings: Sequence[GreyMapping], *, limits: tuple[float, float] | None):
        self.mappings, self.limits = tuple(mappings), limits

    def units_per_grey(self, like: torch.Tensor) -> torch.Tensor:
        """Return the change in units that a grey level stands for, shaped to multiply ``(batch, channel, *space)``."""
        return self._shaped([one.units_per_grey for one in self.mappings], like)

    def of(self, number: int) -> AmplitudeScale:
        """Return the scale of one section of the batch."""
        return AmplitudeScale([self.mappings[number]], limits=self.limits)

    def to_image(self, sections: torch.Tensor) -> torch.Tensor:
        """Return sections ``(batch, channel, *space)`` in grey levels, differentiably."""
        low = self._shaped([one.low for one in self.mappings], sections)
        grey = (sections - low) / self.units_per_grey(sections)
        return grey.clamp(*self.limits) if self.limits else grey

    def to_exact_image(self, sections: torch.Tensor) -> torch.Tensor:
        """Return the same computed in float64 and rounded once, without a gradient."""
        image = np.empty(sections.shape, np.float32)
        for grey, mapping, one in zip(image, self.mappings, sections.cpu().numpy(), strict=True):
            for number, channel in enumerate(one):
                grey[number] = mapping.to_grey(channel)
        on_device = torch.from_numpy(image).to(sections.device)
        return on_device.clamp_(*self.limits) if self.limits else on_device

    def _shaped(self, numbers: list[float], like: torch.Tensor) -> torch.Tensor:
        return torch.tensor(numbers, device=like.device, dtype=like.dtype).reshape(-1, *(1,) * (like.ndim - 1))


class Parameterization(ABC):
    """Optimized parameters of a batch of sections, and the sections that follow from them.

    Sections are tensors ``(batch, channel, *space)`` in their own units, where space is ``(time, trace)`` or ``(time,
    inline, crossline)``. The network's input is resized to each octave in turn. Its gradient is carried back
    through the resizing and through `render`, so that the section keeps what the parameterization guarantees at
    every step.

    Parameters
    ----------
    start : Tensor
        The sections that the dream starts from.

    Attributes
    ----------
    name : str
        As `DreamSettings.parameterization` names it.
    start : Tensor
        The sections that the dream starts from.
    values, initial_values : Tensor
        The optimized parameters now and at the start; the first axis is the batch.
    step_scale : callable
        From the mean magnitude of each gradient to what a step is divided by; by default the magnitude itself.
    """

    name: ClassVar[str]

    def __init__(self, start: torch.Tensor):
        self.start = start
        self.step_scale: Callable[[torch.Tensor], torch.Tensor] = _own_magnitude
        self.values = self.initial_values = torch.zeros_like(start)
        self._sizes: tuple[Size, ...] = (tuple(start.shape[2:]),)
        self._octave_size: Size = self._sizes[-1]
        self._scale = AmplitudeScale([GreyMapping(0.0, 255.0)] * len(start), limits=None)
        self._weight: torch.Tensor | None = None
        self._constraints: tuple[Constraint, ...] = ()
        self._leaf: torch.Tensor | None = None
        self._image: torch.Tensor | None = None

    @abstractmethod
    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sections that follow from parameters, differentiably."""

    def encode(self, values: torch.Tensor, sections: torch.Tensor) -> torch.Tensor | None:
        """Return parameters whose sections are close to these; None where that is not possible."""
        return None

    def precondition(self, values: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Return the direction of a step for a gradient over the parameters; by default the gradient itself."""
        return gradient

    def project(self, values: torch.Tensor) -> torch.Tensor:
        """Return parameters after a step, back within their bounds and priors; by default as they are."""
        return values

    @property
    def parts(self) -> Sequence[Parameterization]:
        """The parameterizations that make up the batch; usually this one alone."""
        return (self,)

    @property
    def wavelet(self) -> np.ndarray | None:
        """The wavelet that the section is convolved with, float32 in its units; None where there is none."""
        return None

    def auxiliary_outputs(self, values: torch.Tensor) -> dict[str, AuxiliaryOutput]:
        """Return what parameters give in addition to the section: the reflectivity, the rock."""
        return {}

    # What the loop calls.

    def bind(
        self,
        scale: AmplitudeScale,
        weight: torch.Tensor | None = None,
        constraints: Sequence[Constraint] = (),
    ) -> None:
        """Set how sections become images, where they may change, and what holds after each step.

        Parameters
        ----------
        scale : AmplitudeScale
            From units to grey levels.
        weight : Tensor, optional
            ``(1, 1, *space)``, 0 where the section must stay to 1 where it may change.
        constraints : sequence of callables
            Projections of the sections, applied after each step in order.
        """
        self._scale, self._constraints = scale, tuple(constraints)
        self._weight = None if weight is None else weight.to(self.start)
        self.initial_values = self.values

    def begin_level(self, sizes: Sequence[Size]) -> None:
        """Begin a level of octaves of these sizes, smallest first, from the sections as they are."""
        self._sizes = tuple(tuple(size) for size in sizes)

    def begin_octave(self, number: int) -> None:
        """Begin an octave, counted from 0; the section keeps its size, the network's input has the octave's."""
        self._octave_size = self._sizes[number]

    def image(self) -> torch.Tensor:
        """Return the network's input at the octave's size, ``(batch, channel, *size)`` in grey levels, detached."""
        self._leaf = self.values.detach().clone().requires_grad_(True)
        self._image = resize(self._scale.to_image(self._weighted(self.render(self._leaf))), self._octave_size)
        return self._image.detach()

    def propose(self, gradient: torch.Tensor, step_size: float) -> torch.Tensor:
        """Return the parameters one step along a gradient over the last `image`.

        Parameters
        ----------
        gradient : Tensor
            Shaped as the image.
        step_size : float
            Mean change of the section in grey levels, where it may change.
        """
        assert self._leaf is not None, "a step follows an image"
        assert self._image is not None, "a step follows an image"
        values = self.values.detach()
        # Of a product, because PyTorch imports SymPy where it is given a gradient to carry back.
        (over_values,) = torch.autograd.grad((self._image * gradient).sum(), self._leaf)
        self._image = self._leaf = None
        direction = self.precondition(values, over_values)
        # How the section changes to first order, so that a step means the same for every parameterization.
        change = self._change(values, direction)
        n_samples = change[0].numel() if self._weight is None else self._weight.sum() * change.shape[1]
        magnitude = change.abs().sum(tuple(range(1, change.ndim)), keepdim=True) / n_samples
        magnitude = self.step_scale(magnitude / self._scale.units_per_grey(change).abs())
        magnitude = magnitude.reshape(-1, *(1 for _ in direction.shape[1:]))
        direction = torch.where(magnitude == 0, direction, step_size / magnitude * direction)
        stepped = self.project(values + direction)
        for constrain in self._constraints:
            nearer = self.encode(stepped, constrain(self._weighted(self.render(stepped))))
            assert nearer is not None, "parameterizations that cannot hold constraints are refused before"
            stepped = nearer
        return stepped

    def accept(self, values: torch.Tensor) -> None:
        """Take over what `propose` returned."""
        self.values = values

    @torch.no_grad()
    def sections(self) -> torch.Tensor:
        """Return the sections as they are now, in their own units; where nothing may change, those of the start."""
        return self._weighted(self.render(self.values))

    def end(self) -> None:
        """Free what only further steps need."""
        self._leaf = self._image = None

    def full_image(self) -> Callable[[], torch.Tensor]:
        """Return a function that makes the network's input of this step at the section's size."""
        return partial(self._full_image, self.values)

    @torch.no_grad()
    def _full_image(self, values: torch.Tensor) -> torch.Tensor:
        return self._scale.to_image(self._weighted(self.render(values)))

    def _weighted(self, sections: torch.Tensor) -> torch.Tensor:
        return sections if self._weight is None else self.start + self._weight * (sections - self.start)

    def _change(self, values: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        """Return how the sections change along a direction, to first order."""
        # The gradient is linear in what is carried back, so differentiating it once more goes forward.
        leaf = values.clone().requires_grad_(True)
        sections = self._weighted(self.render(leaf))
        carried = torch.zeros_like(sections, requires_grad=True)
        (back,) = torch.autograd.grad((sections * carried).sum(), leaf, create_graph=True)
        return torch.autograd.grad((back * direction).sum(), carried)[0]


def _own_magnitude(magnitude: torch.Tensor) -> torch.Tensor:
    return magnitude


@dataclass(frozen=True)
class AuxiliaryOutput:
    """An array that belongs to a dreamed section: its reflectivity or its rock.

    Attributes
    ----------
    values : array
        float32 ``(time, trace)`` or ``(time, inline, crossline)``.
    units : str
        Of the values; empty for a ratio.
    long_name : str
        Title in figures.
    """

    values: np.ndarray
    units: str
    long_name: str


def shrink_mask(mask: np.ndarray, n_samples: int) -> np.ndarray:
    """Return a mask that fades in time within itself over half a filter's length, so that no filter is cut off.

    Parameters
    ----------
    mask : array
        ``(time, trace)``, 0 to 1.
    n_samples : int
        Over how many samples it fades from 0; what is narrower than twice that fades less far.

    Returns
    -------
    array
        float32, nowhere above `mask`.
    """
    half = max(1, n_samples // 2)
    window = np.hanning(2 * half + 3)[1:-1]
    eroded = minimum_filter1d(mask, 2 * half + 1, axis=0, mode="nearest")
    return np.minimum(convolve1d(eroded, window / window.sum(), axis=0, mode="nearest"), mask).astype(np.float32)


def smooth_across(values: torch.Tensor, sigma: float) -> torch.Tensor:
    """Return ``(1, 1, time, lateral...)`` through a Gaussian window over traces; the edge trace continues outside."""
    for axis in range(3, values.ndim):
        half = min(round(3 * sigma), values.shape[axis] - 1)
        offsets = torch.arange(-half, half + 1, device=values.device, dtype=values.dtype)
        window = torch.exp(-0.5 * (offsets / sigma) ** 2)
        values = filter_across(values, axis, window / window.sum())
    return values


def filter_across(values: torch.Tensor, axis: int, window: torch.Tensor) -> torch.Tensor:
    """Return values through an odd window along a lateral axis; the edge trace continues outside."""
    half = len(window) // 2
    turned = values.movedim(axis, -1)
    rows = turned.reshape(len(values) * values.shape[1], 1, -1, values.shape[axis])
    padded = torch.nn.functional.pad(rows, (half, half, 0, 0), mode="replicate")
    return torch.nn.functional.conv2d(padded, window[None, None, None]).reshape(turned.shape).movedim(-1, axis)


def along_time(matrix: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return a matrix ``(time, time)`` times each trace of ``(1, 1, time, lateral...)``."""
    return (matrix @ values.flatten(3)).reshape(values.shape)


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """Return ``(1, 1, time, lateral...)`` as a float32 array without the first two axes."""
    return tensor.detach()[0, 0].cpu().numpy().astype(np.float32)
