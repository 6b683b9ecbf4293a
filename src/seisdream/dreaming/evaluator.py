"""The score of an objective and its gradient: over the layers of every network that it names, and its penalties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch

from seisdream.dreaming.objectives.binding import BoundObjective, terms_of_one_layer
from seisdream.dreaming.objectives.feature_matching import (
    ActivationStatistics,
    CaptureTerm,
    Guide,
    MaskedTerm,
    PairedActivationTerm,
    StatefulTerm,
)
from seisdream.dreaming.objectives.terms import Layer, Neuron, Term, Window
from seisdream.dreaming.objectives.textures import DreamBatch, GramTerm, Style
from seisdream.dreaming.regularizers import Penalties
from seisdream.dreaming.resolve import Plan
from seisdream.dreaming.schedule import zoom_in
from seisdream.dreaming.tiled_gradient import TiledGradient
from seisdream.dreaming.transforms import Transform
from seisdream.errors import SeisdreamError
from seisdream.inference.network_input import neighbouring_lines, statistics_of
from seisdream.inference.surroundings import Surroundings
from seisdream.inference.tensors import Size, as_array, resize, to_image_tensor
from seisdream.inference.tiling import Halo
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import GreyMapping


class Evaluator(Protocol):
    """From the images of a batch to their scores and gradients."""

    def __call__(
        self, images: torch.Tensor, transforms: Sequence[Transform]
    ) -> tuple[list[float] | torch.Tensor, torch.Tensor]:
        """Return a score for each image ``(batch, channel, *space)``, and the gradients, shaped as the images."""
        ...

    def zoom_in(self, zoom: float) -> None:
        """Follow the sections where their middle is enlarged."""


class BatchEvaluator:
    """Dreams that are evaluated one after another, each by an evaluator of its own.

    Parameters
    ----------
    evaluators : sequence of ObjectiveEvaluator
        One for each dream.
    batch : DreamBatch, optional
        Shared by their terms of diversity, where there are any.
    """

    def __init__(self, evaluators: Sequence[ObjectiveEvaluator], batch: DreamBatch | None = None):
        self._evaluators, self._batch = tuple(evaluators), batch

    def __call__(self, images: torch.Tensor, transforms: Sequence[Transform]) -> tuple[list[float], torch.Tensor]:
        """Return the score of each image, and the gradients."""
        scores, gradients = [], []
        for turn, evaluator in enumerate(self._evaluators):
            if self._batch is not None:
                self._batch.turn = turn
            score, gradient = evaluator(images[turn : turn + 1], transforms[turn])
            scores.append(score)
            gradients.append(gradient)
        return scores, gradients[0] if len(gradients) == 1 else torch.cat(gradients)

    def zoom_in(self, zoom: float) -> None:
        """Follow the sections where their middle is enlarged."""
        for evaluator in self._evaluators:
            evaluator.zoom_in(zoom)


class LayerEvaluator:
    """Dreams of channels or directions of one layer, which are evaluated in one forward pass.

    A small image leaves much of a processor idle: it waits for the next operator to start, and for weights that are
    used once. A batch shares both.

    Parameters
    ----------
    network : PreparedNetwork
        Frozen, on its device, in its precision.
    terms : sequence of Term
        One for each dream, all of one layer.
    region : Tensor, optional
        As for `ObjectiveEvaluator`.
    """

    def __init__(self, network: PreparedNetwork, terms: Sequence[Term], region: torch.Tensor | None = None):
        self._network, self._layer, self._region = network, terms[0].layer, region
        self._terms = terms if region is None else [MaskedTerm(self._layer, of=term) for term in terms]

    def __call__(self, images: torch.Tensor, transforms: Sequence[Transform]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean of each image's scores over positions, and the gradients."""
        parts = images.split(1)
        shifted = torch.cat([one.jitter.apply(part) for one, part in zip(transforms, parts, strict=True)])
        if self._region is not None:
            region = resize(self._region.to(images), tuple(images.shape[2:]))
            for term, one in zip(self._terms, transforms, strict=True):
                assert isinstance(term, MaskedTerm)
                term.set_mask(one.apply_to_region(region))
        leaf = shifted.detach().requires_grad_(True)
        activations = self._network.record(leaf, (self._layer,))[self._layer]
        size = tuple(activations.shape[2:])
        scores = torch.stack(
            [
                term.total(one, Window(0, 0, size)) / term.n_units(size)
                for term, one in zip(self._terms, activations.split(1), strict=True)
            ]
        )
        with self._network.exactly():
            # Images of a batch are independent, so the gradient of the sum is that of each.
            (gradients,) = torch.autograd.grad(scores.sum(), leaf)
        back = [one.jitter.adjoint(part) for one, part in zip(transforms, gradients.split(1), strict=True)]
        return scores.detach(), torch.cat(back)

    def zoom_in(self, zoom: float) -> None:
        """Follow the sections where their middle is enlarged."""
        if self._region is not None:
            self._region = _zoomed(self._region, zoom)


class ObjectiveEvaluator:
    """The score of a whole objective and its gradient, for one dream.

    Parameters
    ----------
    objectives : sequence of BoundObjective
        The networks and their terms.
    prepared : sequence of PreparedNetwork
        For each of them.
    halos : sequence of Halo or None
        For each of them, as `TiledGradient` takes it.
    tile : int
        Side of a tile in samples, 0 for none.
    penalties : Penalties or None
        Terms of the section itself.
    first : Tensor
        The network's input as the dream starts, ``(1, channel, *space)`` in grey levels.
    guide : Tensor, optional
        The guide's image; caricature, inversion and style compare with it, by default with `first`.
    region : Tensor, optional
        ``(1, 1, *space)``: where the objective counts, 0 to 1.
    lines : sequence of Tensor or None, optional
        For each network, the section at the start between its neighbours, ``(1, line, *space)``. The neighbours stay
        as they are.
    clips : bool, default False
        Whether networks whose normalisation is fixed need their input clipped at black and white here.
    """

    def __init__(
        self,
        objectives: Sequence[BoundObjective],
        prepared: Sequence[PreparedNetwork],
        halos: Sequence[Halo | None],
        tile: int,
        penalties: Penalties | None,
        first: torch.Tensor,
        *,
        guide: torch.Tensor | None = None,
        region: torch.Tensor | None = None,
        lines: Sequence[torch.Tensor | None] = (),
        clips: bool = False,
    ):
        self._penalties, self._first, self._region = penalties, first, region
        self._size = tuple(first.shape[2:])
        is_same_size = guide is not None and guide.shape[2:] == first.shape[2:]
        self._reference = guide if guide is not None and is_same_size else first
        self._style = first if guide is None else guide
        self._parts = [
            _NetworkTerms(
                one,
                network,
                tile,
                halo,
                guide,
                lines=of_one,
                clips=clips,
                is_masked=region is not None,
                is_guide_reference=is_same_size,
            )
            for one, network, halo, of_one in zip(
                objectives, prepared, halos, lines or [None] * len(objectives), strict=True
            )
        ]
        # Networks have units of their own: several are compared in standard deviations over the section.
        if any(one.name for one in objectives):
            for part in self._parts:
                part.standardize(first, self._reference)
        self._is_comparing = penalties is not None or any(part.paired or part.styles for part in self._parts)
        if not self._is_comparing:
            # As large as the section.
            self._first = self._reference = self._style = first.new_empty(0)

    def zoom_in(self, zoom: float) -> None:
        """Follow the section where its middle is enlarged."""
        if self._is_comparing:
            self._first, self._reference = _zoomed(self._first, zoom), _zoomed(self._reference, zoom)
        if self._region is not None:
            self._region = _zoomed(self._region, zoom)
        for part in self._parts:
            part.zoom_in(zoom)

    def __call__(self, image: torch.Tensor, transform: Transform) -> tuple[float, torch.Tensor]:
        """Return the score of an image after a transform, and its gradient, shaped as the image."""
        size = tuple(image.shape[2:])
        if transform.variation is None:
            score, gradient = self._evaluate(transform.apply(image), transform, size)
            gradient = transform.jitter.adjoint(gradient)
        else:
            leaf = image.detach().requires_grad_(True)
            transformed = transform.apply(leaf)
            score, over_transformed = self._evaluate(transformed.detach(), transform, size)
            (gradient,) = torch.autograd.grad((transformed * over_transformed).sum(), leaf)
        if self._penalties is None:
            return score, gradient
        penalty, of_penalty = self._penalties(image, resize(self._first.to(image), size))
        return score + penalty, gradient + of_penalty

    def _evaluate(self, image: torch.Tensor, transform: Transform, size: Size) -> tuple[float, torch.Tensor]:
        total, gradient = 0.0, None
        for part in self._parts:
            for neuron in part.neurons:
                assert neuron.at is not None
                down, across = ((at + 0.5) / n_samples for at, n_samples in zip(neuron.at, self._size, strict=True))
                neuron.memory["position"] = transform.map_point((down, across), size)
            if part.paired:
                part.set_reference(transform.apply(resize(self._reference.to(image), size)), transform)
            if part.styles and part.style_size != size:
                scale = [now / whole for now, whole in zip(size, self._size, strict=True)]
                style = self._style.to(image)
                like = tuple(max(1, round(n * share)) for n, share in zip(style.shape[2:], scale, strict=True))
                part.set_style_target(resize(style, like), size)
            if self._region is not None:
                region = transform.apply_to_region(resize(self._region.to(image), size))
                for term in part.masked:
                    term.set_mask(region)
            score, of_part = part(image, transform)
            total, gradient = total + score, of_part if gradient is None else gradient + of_part
        return total, torch.zeros_like(image) if gradient is None else gradient


class _NetworkTerms:
    """The terms of one network, with the activations that they compare with."""

    def __init__(
        self,
        objective: BoundObjective,
        network: PreparedNetwork,
        tile: int,
        halo: Halo | None,
        guide: torch.Tensor | None,
        *,
        lines: torch.Tensor | None,
        clips: bool,
        is_masked: bool,
        is_guide_reference: bool,
    ):
        self._network, self._tile, self._halo, self._lines, self._clips = network, tile, halo, lines, clips
        self._has_guide, self._is_guide_reference = guide is not None, is_guide_reference
        # A guide is normalised by its own statistics.
        self._guide_network = network if guide is None else network.with_statistics(guide)
        # Copies, so that two dreams of one objective do not share what their terms captured.
        self._terms = tuple(replace(term) for term in objective.terms)
        if guide is not None:
            self._terms = bind_guide(self._terms, self._guide_network, guide)
        self._offset, self._is_masked = 0.0, is_masked
        self.style_size: Size | None = None
        self._prepare()

    def _prepare(self) -> None:
        self.neurons = [term for term in self._terms if isinstance(term, Neuron) and term.at is not None]
        self.paired = [term for term in self._terms if isinstance(term, PairedActivationTerm)]
        self.styles = [term for term in self._terms if isinstance(term, Style)]
        self._grams = [term for term in self._terms if isinstance(term, GramTerm)]
        self.masked = [MaskedTerm(term.layer, of=term, weight=term.weight) for term in self._terms if self._is_masked]
        self._gradient = self._gradient_of(self.masked or self._terms)
        of_reference = self._guide_network if self._is_guide_reference else self._network
        self._capture_reference, self._capture_style, self._capture_now = (
            self._gradient_of([CaptureTerm(term.layer, of=term) for term in terms], network)
            for terms, network in (
                (self.paired, of_reference),
                (self.styles, self._guide_network),
                (self._grams, self._network),
            )
        )

    def _gradient_of(self, terms: Sequence[Term], network: PreparedNetwork | None = None) -> TiledGradient:
        return TiledGradient(network or self._network, tuple(terms), self._tile, self._halo)

    def __call__(self, image: torch.Tensor, transform: Transform) -> tuple[float, torch.Tensor]:
        """Return the score of an image after a transform, and its gradient."""
        values = self._input(image, transform)
        if self._grams and self._tile:
            for term in self._grams:
                term.memory.pop("grams", None)
            _forward(self._capture_now, values)
        score, gradient = self._gradient(values)
        if self._lines is not None:
            # The neighbours do not change.
            middle = gradient.shape[1] // 2
            gradient = gradient[:, middle : middle + 1]
        return score - self._offset, gradient

    def _input(self, image: torch.Tensor, transform: Transform | None = None) -> torch.Tensor:
        """Return an image between its neighbours, which are resized and transformed as it was."""
        if self._clips:
            image = self._network.network.preprocessing.clip(image)
        if self._lines is None:
            return image
        lines = resize(self._lines.to(image), tuple(image.shape[2:]))
        lines = lines if transform is None else transform.apply(lines)
        middle = lines.shape[1] // 2
        return torch.cat([lines[:, :middle], image, lines[:, middle + 1 :]], 1)

    def zoom_in(self, zoom: float) -> None:
        """Follow the section where its middle is enlarged."""
        if self._lines is not None:
            self._lines = _zoomed(self._lines, zoom)

    def set_reference(self, image: torch.Tensor, transform: Transform | None = None) -> None:
        """Set the image that paired terms compare with, position by position."""
        for term in self.paired:
            term.memory.clear()
        _forward(self._capture_reference, image if self._is_guide_reference else self._input(image, transform))

    def set_style_target(self, image: torch.Tensor, size: Size) -> None:
        """Set the image whose style octaves of a size should have."""
        self.style_size = size
        for term in self.styles:
            term.memory.clear()
        _forward(self._capture_style, image if self._has_guide else self._input(image))
        for term in self.styles:
            term.set_target_gram()

    def standardize(self, first: torch.Tensor, reference: torch.Tensor) -> None:
        """Measure each term in standard deviations over the positions of an image, from its mean there."""
        if self.paired:
            self.set_reference(reference)
        statistics = {
            number: ActivationStatistics(term.layer, of=term)
            for number, term in enumerate(self._terms)
            if not isinstance(term, StatefulTerm)
        }
        _forward(self._gradient_of(list(statistics.values())), self._input(first))
        terms = list(self._terms)
        for number, one in statistics.items():
            mean, deviation = one.mean_and_deviation()
            if not deviation > 0:
                raise SeisdreamError(
                    f"'{one.of}' is {mean:g} all over the section, so it has no standard deviation to compare networks "
                    "by; use another layer, or one network alone.",
                    code="no-signal",
                    option="layer",
                )
            self._offset += one.of.weight * mean / deviation
            terms[number] = replace(one.of, weight=one.of.weight / deviation)
        self._terms = tuple(terms)
        self._prepare()


def bind_guide(terms: Sequence[Term], network: PreparedNetwork, guide: torch.Tensor) -> tuple[Term, ...]:
    """Return terms in which whole layers are replaced by their similarity to those of a guide's image."""
    layers = tuple(dict.fromkeys(term.layer for term in terms if isinstance(term, Layer)))
    if not layers:
        return tuple(terms)
    with torch.no_grad():
        recorded = network.record(guide, layers)
    return tuple(
        Guide(term.layer, recorded[term.layer].float()[0].flatten(1).T, weight=term.weight, network=term.network)
        if isinstance(term, Layer)
        else term
        for term in terms
    )


def _forward(gradient: TiledGradient, image: torch.Tensor) -> None:
    """Run without a gradient, for what terms capture."""
    if gradient.terms:
        with torch.no_grad():
            gradient(image.detach())


def _zoomed(image: torch.Tensor, zoom: float) -> torch.Tensor:
    return to_image_tensor(zoom_in(as_array(image), zoom), clip=False, device=str(image.device))


def make_evaluator(
    plan: Plan,
    first: torch.Tensor,
    *,
    mappings: Sequence[GreyMapping],
    is_present: np.ndarray,
    guide: torch.Tensor | None = None,
    objective_mask: np.ndarray | None = None,
    prepared: PreparedNetwork | None = None,
    around: Surroundings | None = None,
) -> Evaluator:
    """Return the evaluator of a plan: of all dreams in one forward pass where they are of one layer.

    Parameters
    ----------
    plan : Plan
        The dream.
    first : Tensor
        The network's input as the dream starts, ``(batch, channel, *space)`` in grey levels.
    mappings : sequence of GreyMapping
        From the units of each section to grey levels.
    is_present : array
        Booleans shaped as the space: the samples that statistics are measured on.
    guide : Tensor, optional
        As for `ObjectiveEvaluator`.
    objective_mask : array, optional
        Shaped as the space: where the objective counts, 0 to 1.
    prepared : PreparedNetwork, optional
        The dream's own network; by default it is prepared here.
    around : Surroundings, optional
        The volume that the sections are from; by default found in the files that they were opened from.
    """
    settings = plan.settings
    networks = {one.network for dream in plan.bound for one in dream}
    ready = {one: PreparedNetwork(one, settings.device, settings.precision) for one in networks - {plan.network}}
    if plan.network in networks:
        ready[plan.network] = prepared or PreparedNetwork(plan.network, settings.device, settings.precision)

    def lines_of(one: Network, number: int) -> torch.Tensor | None:
        """Return the section of a dream between its neighbours, if the network takes several lines."""
        lines = neighbouring_lines(one, plan.sections[number], mappings[number], around, device=settings.device)
        return one.preprocessing.clip(lines) if lines is not None and settings.clip else lines

    def bound_to(one: Network, numbers: Sequence[int]) -> PreparedNetwork:
        """Return a network that normalises as it does the inputs of some dreams, whatever they become."""
        sections, of_sections = [plan.sections[number] for number in numbers], [mappings[number] for number in numbers]
        lines = lines_of(one, numbers[0]) if len(numbers) == 1 else None
        images = first[numbers[0] : numbers[-1] + 1] if lines is None else lines
        statistics = statistics_of(one, sections, of_sections, images, is_present, around)
        return ready[one] if statistics is None else ready[one].with_statistics(statistics)

    penalties = [Penalties(terms) if any(not term.layer for term in terms) else None for terms in plan.terms]
    is_plain = guide is None and not settings.tile and not settings.transforms
    is_plain = is_plain and plan.network.preprocessing.lines == 1
    region = None if objective_mask is None else torch.from_numpy(objective_mask)[None, None].to(settings.device)
    if len(plan.bound) > 1 and is_plain and not any(penalties) and (terms := terms_of_one_layer(plan.bound)):
        return LayerEvaluator(bound_to(plan.network, range(len(plan.bound))), terms, region)
    evaluators = [
        ObjectiveEvaluator(
            bound,
            [bound_to(one.network, [number]) for one in bound],
            plan.halos,
            settings.tile or 0,
            penalty,
            first[number : number + 1],
            guide=guide,
            region=region,
            lines=[lines_of(one.network, number) for one in bound],
            clips=settings.clip and len({one.preprocessing.is_fixed for one in networks}) > 1,
        )
        for number, (bound, penalty) in enumerate(zip(plan.bound, penalties, strict=True))
    ]
    return BatchEvaluator(evaluators, plan.batch)
