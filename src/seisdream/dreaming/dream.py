"""The dream itself: levels of octaves of steps, as a generator of states."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.ascent import gradient_ascent_step
from seisdream.dreaming.constraints import keep_band, keep_bounds, keep_histogram
from seisdream.dreaming.evaluator import ObjectiveEvaluator, group_by_network, open_networks
from seisdream.dreaming.objectives.feature_matching import Diversity
from seisdream.dreaming.objectives.parser import is_in_words, parse_objective
from seisdream.dreaming.objectives.terms import Objective, bind_objective
from seisdream.dreaming.octaves import build_octaves, octave_sizes
from seisdream.dreaming.optimizer import Keep, ParameterizedAscent, likeness
from seisdream.dreaming.parameterizations.factory import make_parameterization, resolve_parameterization
from seisdream.dreaming.regularizers import Penalties
from seisdream.dreaming.resolve import check_objective, check_region, check_size, resolve_settings, resolve_tiling
from seisdream.dreaming.seismic_transforms import sample_transform
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.transform_spec import read_robustness
from seisdream.dreaming.transforms import Jitter, Transform
from seisdream.dreaming.zoom import zoomed, zoomed_places
from seisdream.errors import SeisdreamError
from seisdream.inference.resize import resize
from seisdream.inference.tensors import as_array, as_bytes, as_rgb, to_image_tensor
from seisdream.io.inputs import open_section
from seisdream.io.masks import check_mask
from seisdream.io.noise import PREFIX as NOISE
from seisdream.models.network import Network
from seisdream.models.registry import load_network
from seisdream.seismic.sections import (
    COLOUR_DIM,
    GreyMapping,
    check_section,
    describe_muted,
    fill_absent,
    is_colour,
    make_section,
    missing_samples,
)
from seisdream.seismic.spectrum import read_band, sampling_ms


class NonFiniteStepError(SeisdreamError):
    """A step gave NaN or infinity; the dream stopped and kept the last good state."""


@dataclass(frozen=True)
class DreamState:
    """One step of a dream.

    Attributes
    ----------
    level, octave, step : int
        Counted from 1.
    n_levels, n_octaves, n_steps : int
        How many there will be.
    score : float
        The objective before the step.
    milliseconds : float
        What the step took.
    picture : Tensor
        The network's view after the step, ``(1, 1 or 3, row, column)`` in grey levels, at the octave's size; where
        something else than pixels is free, at the section's.
    base : Tensor
        The same view before this level's dream, at the same size.
    """

    level: int
    octave: int
    step: int
    n_levels: int
    n_octaves: int
    n_steps: int
    score: float
    milliseconds: float
    picture: torch.Tensor
    base: torch.Tensor

    @property
    def ends_level(self) -> bool:
        """Whether this is the last step of its level."""
        return (self.octave, self.step) == (self.n_octaves, self.n_steps)


class Dream:
    """A dream on one section, run by consuming `states`.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture; absent samples are NaN, or muted.
    network : Network
        From `seisdream.load_network`.
    recipe : Recipe
        Settings; those left at None are settled for this section and network (see `recipe` afterwards).
    objective : Objective, optional
        What to increase, where it is not said in words by ``recipe.layer``.
    guide : DataArray, optional
        A section or picture to become like, at the objective's layers.
    mask : DataArray, optional
        ``(time, trace)``, 0 where nothing may change to 1 where all may.
    where : DataArray, optional
        ``(time, trace)``, 0 where the objective does not count to 1 where it does.
    networks : mapping of Network, optional
        Further networks that the objective names, by these names; those not given are loaded.
    survey : DataArray, optional
        A section whose spectrum, band or wavelet is measured in the place of `section`'s.

    Attributes
    ----------
    recipe : Recipe
        The settings with every default settled.
    notes : list of str
        What was settled otherwise than usual, and why.
    scores : list of dict
        level, octave, step, score, milliseconds of every step.
    likeness : dict
        How alike input and result are where the section follows from reflectivity or rock, at the start and now:
        ``{"start": {"correlation": ..., "nrms_percent": ...}, "result": ...}``; else empty.
    level_views : list of uint8 array
        The network's view after each whole level, ``(row, column)`` or ``(row, column, 3)``.

    Raises
    ------
    SeisdreamError
        If the section is constant, infinite or too small, or the objective is not in the network.
    """

    def __init__(
        self,
        section: xr.DataArray,
        network: Network,
        recipe: DreamSettings | None = None,
        *,
        objective: Objective | None = None,
        guide: xr.DataArray | None = None,
        mask: xr.DataArray | None = None,
        where: xr.DataArray | None = None,
        survey: xr.DataArray | None = None,
        networks: Mapping[str, Network] | None = None,
    ):
        check_section(section)
        network.require_sections()
        self.original = section
        self.network = network
        self.notes: list[str] = [note] if (note := describe_muted(section)) else []
        self.scores: list[dict[str, Any]] = []
        self.level_views: list[np.ndarray] = []
        recipe = recipe or DreamSettings()
        asked = objective or parse_objective(recipe.layer or network.default_layer)
        self.networks = open_networks(asked, network, networks)
        self.recipe, self.objective = resolve_settings(recipe, section, network, objective, self.notes, self.networks)
        self.recipe = resolve_parameterization(self.recipe, section, survey)
        terms = bind_objective(self.objective, network, self.networks)
        self._asked = group_by_network(terms, network, self.networks)
        self._penalties = Penalties(terms)
        for one in self._asked:
            check_size(self.recipe, section, one.network, one.layers)
        check_objective(self._asked, section, guide, has_region=where is not None)
        if self.recipe.colour and network.preprocessing.n_channels == 1:
            self.notes.append(f"{network.name} sees grey alone, so a dream in colour has three equal colours.")
        self.recipe = _with_origin(self.recipe, section, network)
        for one in self._asked:
            if one.network.class_layer in one.layers and (why := one.network.out_of_domain_reason(section)):
                self.notes.append(why)
        self.recipe, self._reaches = resolve_tiling(self.recipe, section, self._asked, self.notes)
        self.guide, self.survey = guide, survey
        self.mask = None if mask is None else check_mask(mask, section)
        self.where = None if where is None else check_mask(where, section, "objective_mask", may_be_empty=False)
        if self.mask is not None and not self.mask.any():
            warnings.warn("The mask is 0 everywhere: nothing may change.", stacklevel=2)
        check_region(self.recipe, self._asked, self.mask, self.where)
        self.mapping = GreyMapping.of(section, self.recipe.percentile)
        self._values, self._absent = fill_absent(section)
        self._missing = missing_samples(section)
        if self.recipe.colour and not is_colour(section):
            grey = self.mapping.to_grey(self._values)
            self._values = as_rgb(grey.clip(0.0, 255.0) if self.recipe.clip else grey)
            self.mapping = GreyMapping(0.0, 255.0)
        self._mask = self.mask
        self._places = [np.arange(size, dtype=np.float64) for size in section.shape[:2]]
        self._zoomed_original: np.ndarray | None = None
        self._has_begun = False
        self.likeness: dict[str, dict[str, float]] = {}
        # Penalties measure from here; a climb begins where its own section does.
        self._first = self._picture()
        self._climb = self._begin_climb()
        self._start = self._first if self._climb is None else self._picture()

    @property
    def why_no_replay(self) -> str | None:
        """Why the recipe alone does not say how to dream this again, or None where it does."""
        if self.recipe.input is None:
            return "the section was made in Python"
        if self.recipe.network is None:
            return "the network was made in Python"
        if self.guide is not None and self.recipe.guide is None:
            return "the guide was made in Python"
        if self.mask is not None and self.recipe.mask is None:
            return "the mask was made in Python"
        if self.survey is not None and self.recipe.survey is None:
            return "the survey was made in Python"
        if self.where is not None and self.recipe.where is None:
            return "the region was made in Python"
        if any(isinstance(term, Diversity) for term in self.objective.terms()):
            return "it was made unlike the dreams beside it"
        if not is_in_words(self.objective):
            return "the objective was made in Python"
        if any(network.name != name or not network.is_loadable for name, network in self.networks.items()):
            return "a network to compare with was made in Python"
        return None

    @property
    def n_states(self) -> int:
        """How many states there will be."""
        return self.recipe.levels * (self.recipe.octaves or 1) * self.recipe.steps

    @property
    def section(self) -> xr.DataArray:
        """The result of the last whole level, in the section's own units, with the input's coordinates."""
        values = self._values.copy()
        # Muted samples are zero in the input and stay so; where the dream is in colour that is mid-grey.
        values[self._absent] = np.float32((self.mapping.low + self.mapping.high) / 2)
        values[self._missing] = np.nan
        dims, attrs = [str(dim) for dim in self.original.dims], {**self.original.attrs, "recipe": self.recipe.to_json()}
        # What is dreamed is no longer what lies where the input was opened.
        attrs.pop("opened", None)
        if values.ndim > self.original.ndim:
            dims.append(COLOUR_DIM)
            attrs.update(units="grey level", value_range=(0.0, 255.0))
        return make_section(values, dims=dims, coords=self._coordinates(), **attrs)

    @property
    def before(self) -> xr.DataArray:
        """The input as it lies under `section`: enlarged alike where the levels zoomed."""
        if self._zoomed_original is None:
            return self.original
        return make_section(
            self._zoomed_original,
            dims=[*map(str, self.original.dims)],
            coords=self._coordinates(),
            **self.original.attrs,
        )

    def _coordinates(self) -> dict[str, Any]:
        """Return the input's coordinates; after zooming those of the places now shown, of the two axes alone."""
        if all(np.array_equal(places, np.arange(len(places))) for places in self._places):
            return {str(name): coord for name, coord in self.original.coords.items()}
        coords = {}
        for dim, places in zip(self.original.dims, self._places, strict=False):
            numbers = self.original[dim]
            coords[str(dim)] = (dim, np.interp(places, np.arange(len(places)), numbers.values), numbers.attrs)
        return coords

    def view(self, state: DreamState | None = None) -> np.ndarray:
        """Return what the network looks at, in grey levels ``(row, column)`` or ``(row, column, 3)``.

        Parameters
        ----------
        state : DreamState, optional
            The picture at this state, its detail carried up to the section's size; by default that of the last
            whole level.
        """
        if state is None:
            return as_array(self._picture())
        size = (self.original.shape[0], self.original.shape[1])
        return as_array(self._start + resize(state.picture - state.base, size))

    def states(self) -> Generator[DreamState, None, None]:
        """Dream, and yield a state after every step.

        Whatever ends it early (an interrupt, closing the generator), `section` is the last whole level's.

        Raises
        ------
        NonFiniteStepError
            If a step gives NaN or infinity; the last good picture is kept as the result.
        """
        if self._has_begun:
            raise SeisdreamError("This dream has run already; make a new Dream to dream again.")
        self._has_begun = True
        recipe = self.recipe
        looks = self._looks()
        random = np.random.default_rng(recipe.seed)
        for level in range(1, recipe.levels + 1):
            if level > 1 and recipe.zoom:
                self._zoom_in(recipe.zoom)
                looks.zoom_in(recipe.zoom)
            if level > 1:
                self._start = self._picture()
            octaves = self._octaves if self._climb is None else self._climbed_octaves
            for state in octaves(level, looks, random):
                if state.ends_level:
                    self._end_level(state.picture)
                yield state
            if not recipe.steps:
                self._end_level(self._start)

    def _end_level(self, picture: torch.Tensor) -> None:
        self._keep(picture)
        self.level_views.append(as_bytes(self.view()))

    def _looks(self) -> ObjectiveEvaluator:
        """Return what scores a picture: the networks, ready to run, and the penalties."""
        recipe, guide, region = self.recipe, None, None
        if self.guide is not None:
            check_section(self.guide)
            grey = GreyMapping.of(self.guide, recipe.percentile).to_grey(fill_absent(self.guide)[0])
            guide = to_image_tensor(grey, clip=recipe.clip, device=recipe.device)
        if self.where is not None:
            region = torch.from_numpy(self.where)[None, None].to(recipe.device)
        return ObjectiveEvaluator(
            self._asked,
            self._reaches,
            recipe.tile or 0,
            self._penalties,
            self._first,
            device=recipe.device,
            precision=recipe.precision,
            guide=guide,
            region=region,
        )

    def _glance(self, random: np.random.Generator) -> Transform:
        """Draw how the next look differs from the section as it is."""
        offsets = random.integers(-self.recipe.jitter, self.recipe.jitter + 1, 2)
        shift = Jitter((int(offsets[0]), int(offsets[1])), self.recipe.edges or "wrap")
        robustness = read_robustness(self.recipe.robust)
        return Transform(shift, None if robustness is None else sample_transform(robustness, random))

    def _octaves(
        self, level: int, looks: ObjectiveEvaluator, random: np.random.Generator
    ) -> Generator[DreamState, None, None]:
        recipe, start = self.recipe, self._start
        sizes = octave_sizes((start.shape[-2], start.shape[-1]), recipe.octaves or 1, recipe.octave_scales)
        whole_mask = self._change_mask()
        detail = torch.zeros_like(start[..., :1, :1])
        for octave, base in enumerate(build_octaves(start, sizes), start=1):
            size = (base.shape[-2], base.shape[-1])
            mask = None if whole_mask is None else resize(whole_mask.to(start.device), size)
            picture = base + resize(detail, size) if octave > 1 else base
            for step in range(1, recipe.steps + 1):
                began = time.perf_counter()
                score, uphill = looks(picture, self._glance(random))
                stepped = gradient_ascent_step(picture, uphill, recipe.step_size, mask=mask, clip=recipe.clip)
                if not (np.isfinite(score) and bool(torch.isfinite(stepped).all())):
                    self._keep(start + resize(picture - base, sizes[-1]))
                    raise _not_finite(level, octave, step, score)
                picture = stepped
                yield self._state((level, octave, step), score, began, picture, base)
            detail = picture - base

    def _climbed_octaves(
        self, level: int, looks: ObjectiveEvaluator, random: np.random.Generator
    ) -> Generator[DreamState, None, None]:
        """Dream where something else than pixels is free: the section's size stays, the network's view of it grows."""
        recipe, climb, start = self.recipe, self._climb, self._start
        assert climb is not None
        sizes = octave_sizes((start.shape[-2], start.shape[-1]), recipe.octaves or 1, recipe.octave_scales)
        for octave, size in enumerate(sizes, start=1):
            for step in range(1, recipe.steps + 1):
                began = time.perf_counter()
                free = climb.free
                score = climb.step(partial(looks, glance=self._glance(random)), size, recipe.step_size)
                picture = climb.picture()
                if not (np.isfinite(score) and bool(torch.isfinite(picture).all())):
                    climb.free = free
                    self._keep(climb.picture())
                    raise _not_finite(level, octave, step, score)
                yield self._state((level, octave, step), score, began, picture, start)

    def _state(
        self, place: tuple[int, int, int], score: float, began: float, picture: torch.Tensor, base: torch.Tensor
    ) -> DreamState:
        """Note a step's score and return its state."""
        recipe, milliseconds = self.recipe, (time.perf_counter() - began) * 1e3
        level, octave, step = place
        self.scores.append(
            {"level": level, "octave": octave, "step": step, "score": score, "milliseconds": milliseconds}
        )
        n_states = (recipe.levels, recipe.octaves or 1, recipe.steps)
        return DreamState(*place, *n_states, score, milliseconds, picture, base)

    def _begin_climb(self) -> ParameterizedAscent | None:
        """Return what is free at its start, or None where that is the samples of each octave."""
        recipe, section = self.recipe, self.original
        if recipe.parameterization == "pixel" and not recipe.kept:
            return None
        mask = self._change_mask()
        weight = None if mask is None else mask[0, 0].numpy()
        free = make_parameterization(recipe, section, self._values, weight, self.survey)
        climb = ParameterizedAscent(
            free,
            self.mapping,
            clip=recipe.clip,
            weight=None if mask is None else mask[0, 0],
            keeps=tuple(self._keeps(free.start, weight)),
        )
        if climb.byproducts():
            self.likeness["start"] = self._likeness(climb)
            self.notes.append(
                f"The {recipe.parameterization} that the dream starts from gives a seismogram that correlates at "
                f"{self.likeness['start']['correlation']:.3f} with the input "
                f"(NRMS {self.likeness['start']['nrms_percent']:.0f} %)."
            )
        if weight is not None and recipe.parameterization == "phase":
            self.notes.append("Within a mask the spectrum is kept before the rest of the section is put back.")
        return climb

    def _keeps(self, start: torch.Tensor, weight: np.ndarray | None) -> Generator[Keep, None, None]:
        free = torch.ones(start.shape[-2:], dtype=torch.bool) if weight is None else torch.from_numpy(weight > 0)
        for name in self.recipe.kept:
            if name == "band":
                dt_ms = sampling_ms(self.original)
                yield partial(keep_band, start=start, corners_hz=read_band(self.recipe.band or "", dt_ms), dt_ms=dt_ms)
            else:
                keep = keep_bounds if name == "bounds" else keep_histogram
                yield partial(keep, start=start, free=free.to(start.device))

    def _likeness(self, climb: ParameterizedAscent) -> dict[str, float]:
        now = as_array(climb.section())
        return likeness(now[~self._absent], fill_absent(self.original)[0][~self._absent])

    @property
    def byproducts(self) -> xr.Dataset:
        """What else the dream found, on the section's axes: reflectivity; impedance, velocity and density."""
        return self._byproducts(at_start=False)

    @property
    def byproducts_before(self) -> xr.Dataset:
        """The same at the start of the dream: the inversion of the input."""
        return self._byproducts(at_start=True)

    @property
    def wavelet(self) -> np.ndarray | None:
        """The wavelet that reflectivity is convolved with, float32 in the section's units; None where there is none."""
        return None if self._climb is None else self._climb.wavelet

    def _byproducts(self, *, at_start: bool) -> xr.Dataset:
        if self._climb is None:
            return xr.Dataset()
        found = {}
        for name, one in self._climb.byproducts(at_start=at_start).items():
            values = np.where(self._absent, np.float32(np.nan), one.values)
            found[name] = (self.original.dims, values, {"units": one.units, "long_name": one.long_name})
        return xr.Dataset(found, self._coordinates() if found else {})

    def _picture(self) -> torch.Tensor:
        """Return the network's view of the present values, ``(1, channel, row, column)`` in grey levels."""
        return to_image_tensor(self.mapping.to_grey(self._values), clip=self.recipe.clip, device=self.recipe.device)

    def _keep(self, picture: torch.Tensor) -> None:
        """Add what the level changed to the values, so that what did not change keeps its very value."""
        if self._climb is not None:
            self._values = as_array(self._climb.section()).astype(np.float32)
            if self.likeness:
                self.likeness["result"] = self._likeness(self._climb)
            return
        change = as_array(picture - self._start)  # Its memory becomes that of the values.
        mask = self._change_mask()
        if mask is not None:
            # Each step was weighted already; but detail from a smaller octave reaches a little over the mask's edge.
            is_free = as_array(mask) > 0
            change *= is_free[..., None] if change.ndim == 3 else is_free
        change *= np.float32(self.mapping.units_per_grey)
        change += self._values
        self._values = change

    def _change_mask(self) -> torch.Tensor | None:
        """Return where change is allowed ``(1, 1, row, column)``, or None where it is everywhere."""
        if self._mask is None and not self._absent.any():
            return None
        weight = np.ones(self._absent.shape, np.float32) if self._mask is None else self._mask
        return torch.from_numpy(np.where(self._absent, np.float32(0), weight))[None, None]

    def _zoom_in(self, zoom: float) -> None:
        self._values = zoomed(self._values, zoom)
        self._absent, self._missing = (
            zoomed(where.astype(np.float32), zoom) > 0.5 for where in (self._absent, self._missing)
        )
        values = fill_absent(self.original)[0] if self._zoomed_original is None else self._zoomed_original
        self._zoomed_original = zoomed(values, zoom)
        self._places = [zoomed_places(places, zoom) for places in self._places]
        if self._mask is not None:
            self._mask = zoomed(self._mask, zoom)


def _with_origin(recipe: DreamSettings, section: xr.DataArray, network: Network) -> DreamSettings:
    """Fill in where the section and the network came from, where the recipe does not say and they do."""
    if recipe.input is None and "opened" in section.attrs:
        opened = json.loads(section.attrs["opened"])
        recipe = replace(recipe, input=opened["input"], input_options=opened["options"])
    if recipe.network is None and network.is_loadable:
        recipe = replace(recipe, network=network.name, weights=network.weights, network_options=dict(network.options))
    return recipe


def dream_section(
    section: Any,
    network: Network | str,
    layer: str | None = None,
    *,
    weights: str | None = None,
    objective: Objective | None = None,
    guide: xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
    where: xr.DataArray | None = None,
    survey: xr.DataArray | None = None,
    networks: Mapping[str, Network] | None = None,
    **settings: Any,
) -> xr.DataArray:
    """Dream on a section and return the result.

    Parameters
    ----------
    section : DataArray, array, tensor or path
        ``(time, trace)`` amplitudes or a picture, or what `open_section` opens.
    network : Network or str
        A loaded network, or the name of one. A module of one's own becomes one by
        ``load_network(module, preprocessing=...)``.
    layer : str, optional
        The objective in the little language, such as ``inception_4c/output``; by default the network's own.
    weights : str, optional
        File of weights, where `network` is a name.
    objective : Objective, optional
        Composed in Python, instead of `layer`.
    guide, mask, where, survey : DataArray, optional
        As for `Dream`.
    networks : mapping of Network, optional
        As for `Dream`.
    **settings
        Any setting of `DreamSettings`.

    Returns
    -------
    DataArray
        In the section's own units with its coordinates.

    Examples
    --------
    >>> import seisdream
    >>> section = seisdream.open_section("sample:built-in")
    >>> dreamed = seisdream.dream_section(section, "gabor", octaves=1, steps=1)
    >>> dreamed.dims
    ('time', 'trace')
    """
    if not isinstance(network, Network):
        network = load_network(network, weights=weights)
    recipe = DreamSettings.from_dict({"layer": layer, **settings})
    if isinstance(section, str | os.PathLike):
        of_noise = {"seed": recipe.seed} if os.fspath(section).startswith(NOISE) else {}
        section = open_section(section, **of_noise)
    else:
        section = make_section(section)
    dream = Dream(
        section,
        network,
        recipe,
        objective=objective,
        guide=guide,
        mask=mask,
        where=where,
        survey=survey,
        networks=networks,
    )
    for _ in dream.states():
        pass
    return dream.section


def _not_finite(level: int, octave: int, step: int, score: float) -> NonFiniteStepError:
    return NonFiniteStepError(
        f"Step {step} of octave {octave} in level {level} gave a score of {score:g} and a picture "
        "that is not finite; the last good state is kept. Use --precision float32, a smaller "
        "--step-size, or look for extreme amplitudes (seisdream info)."
    )
