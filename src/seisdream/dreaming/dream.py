"""Dream on a section, on several at once, or on a cube."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.evaluator import (
    BatchEvaluator,
    ChannelEvaluator,
    Evaluator,
    ObjectiveEvaluator,
    shared_channel_layer,
)
from seisdream.dreaming.loop import NonFiniteStepError, ascend
from seisdream.dreaming.objectives.feature_matching import Diversity
from seisdream.dreaming.objectives.parser import files_of, is_parsable
from seisdream.dreaming.objectives.terms import Channel, Objective
from seisdream.dreaming.parameterizations.base import AmplitudeScale, AuxiliaryOutput, Parameterization
from seisdream.dreaming.parameterizations.factory import make_parameterization, resolve_parameterization
from seisdream.dreaming.regularizers import Penalties
from seisdream.dreaming.resolve import resolve
from seisdream.dreaming.schedule import zoom_in, zoom_in_positions
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.transforms import Transform, sample_transform
from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import as_array, as_bytes, as_rgb
from seisdream.io.inputs import find_segy, open_section
from seisdream.io.masks import check_mask, open_mask
from seisdream.io.noise import PREFIX as NOISE
from seisdream.io.segy import SegyVolume
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import as_network, open_network
from seisdream.provenance import hash_samples, make_provenance
from seisdream.results.dream_result import DreamResult
from seisdream.seismic.cubes import DIMS as CUBE_DIMS
from seisdream.seismic.cubes import make_cube, traces_of
from seisdream.seismic.metrics import repeatability
from seisdream.seismic.sections import (
    COLOUR_DIM,
    GreyMapping,
    check_section,
    fill_absent,
    is_colour,
    make_section,
    missing_samples,
)


@dataclass(frozen=True)
class DreamState:
    """One step of a dream.

    Attributes
    ----------
    level, octave, step : int
        Counted from 1.
    n_levels, n_octaves, n_steps : int
        How many there will be.
    scores : tuple of float
        The objective of each dream of the batch before the step.
    milliseconds : float
        Duration of the step.
    """

    level: int
    octave: int
    step: int
    n_levels: int
    n_octaves: int
    n_steps: int
    scores: tuple[float, ...]
    milliseconds: float
    _render: Callable[[], torch.Tensor]

    @property
    def score(self) -> float:
        """The mean score of the batch."""
        return sum(self.scores) / len(self.scores)

    @property
    def image(self) -> torch.Tensor:
        """The network's input after the step, at the section's size: ``(batch, channel, *space)`` in grey levels."""
        return self._render()

    @property
    def ends_level(self) -> bool:
        """Whether this is the last step of its level."""
        return (self.octave, self.step) == (self.n_octaves, self.n_steps)


class Dream:
    """A dream, run by consuming `states`.

    Parameters
    ----------
    data : DataArray, array, tensor, path, SegyVolume, or a sequence of sections
        A section ``(time, trace)`` or a picture; a cube ``(time, inline, crossline)`` for a 3-D network; or several
        sections of one size, which are dreamed as one batch. Absent samples are NaN, or muted.
    network : Network or str
        From `load_network`, or its name.
    objective : Objective or str, optional
        What to increase; by default the setting `layer`, and without it the network's own layer.
    settings : DreamSettings, optional
        By default the defaults.
    guide : DataArray, optional
        A section or picture whose layers the dream should resemble.
    mask : array, optional
        ``(time, trace)``, or of a cube's shape: 0 where nothing may change to 1 where everything may.
    objective_mask : array, optional
        Likewise, 0 where the objective does not count to 1 where it does.
    reference_section : DataArray, optional
        A section, or a cube, whose spectrum, band or wavelet is measured instead of the input's.
    networks : mapping of Network, optional
        Further networks that the objective names, by these names; those not given are loaded.
    objectives, seeds : sequence, optional
        One for each section of a batch, instead of one for all.
    mapping : GreyMapping, optional
        The amplitudes that become black and white, instead of the input's percentile.
    prepared : PreparedNetwork, optional
        The dream's own network, prepared in the precision and on the device of the settings.
    trusted : collection of str, optional
        Networks that may be Python code where the settings come from a file; by default all.
    **overrides
        Any setting of `DreamSettings`.

    Attributes
    ----------
    settings : DreamSettings
        With every default resolved.
    notes : list of str
        What was resolved otherwise than usual, and why.
    n_levels_done : int
        Whole levels so far.

    Raises
    ------
    SeisdreamError
        If the input is unusable (``no-signal``, ``not-finite``, ``too-small``), the objective is not in the network
        (``unknown-name``), or settings do not go together (``incompatible``, ``not-supported``).
    """

    def __init__(
        self,
        data: Any,
        network: Network | str,
        objective: Objective | str | None = None,
        *,
        settings: DreamSettings | None = None,
        guide: xr.DataArray | None = None,
        mask: xr.DataArray | np.ndarray | None = None,
        objective_mask: xr.DataArray | np.ndarray | None = None,
        reference_section: xr.DataArray | None = None,
        networks: Mapping[str, Network] | None = None,
        objectives: Sequence[Objective] | None = None,
        seeds: Sequence[int] | None = None,
        mapping: GreyMapping | None = None,
        prepared: PreparedNetwork | None = None,
        trusted: Collection[str] | None = None,
        **overrides: Any,
    ):
        network, settings = as_network(network), DreamSettings.of(settings, overrides)
        if isinstance(objective, str):
            if settings.layer is not None:
                raise SeisdreamError(
                    f"Got the objective '{objective}' and `layer` '{settings.layer}'; give one of them.",
                    code="incompatible",
                    option="layer",
                )
            settings, objective = settings.replace(layer=objective), None
        self.volume = data if isinstance(data, SegyVolume) else None
        present = None
        if self.volume is not None:
            data, present = self.volume.read_cube()
            # Missing traces must not make the rest of the volume louder.
            mapping = mapping or self.volume.grey_mapping(settings.percentile)
        data = _as_data(data, network, settings)
        first = data if isinstance(data, xr.DataArray) else data[0]
        self.guide, self.reference_section = guide, reference_section
        self.mask = None if mask is None else _as_mask(mask, first, "mask")
        self.objective_mask = None if objective_mask is None else _as_mask(objective_mask, first, "objective_mask")
        if self.mask is not None and not self.mask.any():
            warnings.warn("The mask is 0 everywhere: nothing may change.", stacklevel=2)
        self._plan = resolve(
            data,
            network,
            settings,
            objective=objective,
            objectives=objectives,
            seeds=seeds,
            networks=networks,
            trusted=trusted,
            guide=guide,
            mask=self.mask,
            objective_mask=self.objective_mask,
            reference=reference_section,
        )
        self.notes = self._plan.notes
        self.settings = _with_origin(self._plan.settings, self._plan.sections[0], network)
        self._prepared = prepared
        self._scores: list[list[dict[str, Any]]] = [[] for _ in self._plan.sections]
        self._level_images: list[list[np.ndarray]] = [[] for _ in self._plan.sections]
        self._repeatability: list[dict[str, dict[str, float]]] = [{} for _ in self._plan.sections]
        self.n_levels_done = 0
        self._has_begun = False
        self._set_start(mapping, present)

    @classmethod
    def from_settings(cls, settings: DreamSettings, *, trusted: Collection[str] | None = None) -> Dream:
        """Open what settings name and return the dream, ready to run.

        Parameters
        ----------
        settings : DreamSettings
            With `input` and `network`.
        trusted : collection of str, optional
            Networks that may be Python code (``package.module:factory``) where the settings come from a file; by
            default all.

        Raises
        ------
        SeisdreamError
            If something that the settings name cannot be opened, or does not fit.
        """
        for name in ("input", "network"):
            if getattr(settings, name) is None:
                raise SeisdreamError(f"`{name}` is missing in the settings.", code="missing-argument", option=name)
        network = open_network(
            str(settings.network),
            settings.weights,
            settings.network_options,
            trust_code=trusted is None or settings.network in trusted,
        )
        if network.n_spatial_dims == 3:
            return cls(_open_volume(settings, network), network, settings=settings, trusted=trusted)
        sections = _open_sections(settings)
        first = sections[0]
        return cls(
            first if len(sections) == 1 else sections,
            network,
            settings=settings,
            guide=_open_further(settings.guide, "guide"),
            mask=open_mask(settings.mask, first) if settings.mask else None,
            objective_mask=open_mask(settings.objective_mask, first, option="objective_mask")
            if settings.objective_mask
            else None,
            reference_section=_open_further(settings.reference_section, "reference_section"),
            trusted=trusted,
        )

    # What is dreamed on.

    def _set_start(self, mapping: GreyMapping | None, present: np.ndarray | None) -> None:
        plan, settings = self._plan, self.settings
        filled = {id(one): fill_absent(one) for one in plan.sections} if plan.kind != "cube" else {}
        values = [filled[id(one)][0] if filled else one.values for one in plan.sections]
        first = plan.sections[0]
        self._absent = filled[id(first)][1] if filled else np.zeros(first.shape, bool)
        if present is not None:
            self._absent = present == 0
        self._missing = missing_samples(first) if filled else np.zeros(first.shape, bool)
        mappings = [mapping or _mapping_of(one, settings.percentile) for one in plan.sections]
        self.mapping = mappings[0]
        if settings.colour and not is_colour(first):
            grey = [one.to_grey(array) for one, array in zip(mappings, values, strict=True)]
            values = [as_rgb(one.clip(0.0, 255.0) if settings.clip else one) for one in grey]
            mappings = [GreyMapping(0.0, 255.0)] * len(values)
        self._scale = AmplitudeScale(mappings, clip=settings.clip)
        self._mask = self.mask
        self._positions = [np.arange(size, dtype=np.float64) for size in plan.space]
        self._zoomed_input: list[np.ndarray] | None = None
        self._result = torch.cat([_to_tensor(one, plan.kind) for one in values]).to(settings.device)
        # Penalties compare with the start; a parameterization may start from something else.
        self._first_image = self._scale.to_exact_image(self._result)
        self._parameterization = self._make_parameterization()
        for number, outputs in enumerate(self._auxiliary_outputs(at_start=True)):
            if outputs:
                self._repeatability[number]["start"] = self._compare_with_input(number)
        if start := self._repeatability[0].get("start"):
            self.notes.append(
                f"The {settings.parameterization} that the dream starts from gives a seismogram that correlates at "
                f"{start['correlation']:.3f} with the input (NRMS {start['nrms_percent']:.0f} %)."
            )
        if self._weight() is not None and settings.parameterization == "phase":
            self.notes.append("Inside a mask, the spectrum is fixed before the rest of the section is restored.")

    def _make_parameterization(self) -> Parameterization:
        return make_parameterization(
            self.settings,
            self._plan.sections,
            self._result,
            self._scale,
            weight=self._weight(),
            reference=self.reference_section,
        )

    def _weight(self) -> np.ndarray | None:
        """Return where change is allowed, shaped as the space, or None where it is everywhere."""
        if self._mask is None and not self._absent.any():
            return None
        weight = np.ones(self._absent.shape, np.float32) if self._mask is None else self._mask
        return np.where(self._absent, np.float32(0), weight)

    def _make_evaluator(self) -> Evaluator:
        plan, settings = self._plan, self.settings
        networks = {one.network for dream in plan.bound for one in dream}
        prepared = {one: one.prepared(settings.device, settings.precision) for one in networks - {plan.network}}
        if plan.network in networks:
            prepared[plan.network] = self._prepared or plan.network.prepared(settings.device, settings.precision)
        is_plain = self.guide is None and self.objective_mask is None and not settings.tile and not settings.transforms
        has_penalties = any(not term.layer for terms in plan.terms for term in terms)
        if len(plan.bound) > 1 and is_plain and not has_penalties and (layer := shared_channel_layer(plan.bound)):
            channels = [term.channel for (one,) in plan.bound for term in one.terms if isinstance(term, Channel)]
            return ChannelEvaluator(prepared[plan.network], layer, channels)
        guide = region = None
        if self.guide is not None:
            values = fill_absent(self.guide)[0]
            scale = AmplitudeScale([_mapping_of(self.guide, settings.percentile)], clip=settings.clip)
            guide = scale.to_exact_image(_to_tensor(values, plan.kind)).to(settings.device)
        if self.objective_mask is not None:
            region = torch.from_numpy(self.objective_mask)[None, None].to(settings.device)
        evaluators = [
            ObjectiveEvaluator(
                bound,
                [prepared[one.network] for one in bound],
                plan.halos,
                settings.tile or 0,
                Penalties(terms) if any(not term.layer for term in terms) else None,
                self._first_image[number : number + 1],
                guide=guide,
                region=region,
            )
            for number, (terms, bound) in enumerate(zip(plan.terms, plan.bound, strict=True))
        ]
        return BatchEvaluator(evaluators, plan.batch)

    # Running.

    @property
    def n_dreams(self) -> int:
        """How many dreams the batch has."""
        return len(self._plan.sections)

    @property
    def n_states(self) -> int:
        """How many states there will be."""
        return self.settings.levels * (self.settings.octaves or 1) * self.settings.steps

    def states(self) -> Generator[DreamState, None, None]:
        """Dream, and yield a state after every step.

        If it ends early (by an interrupt, or closing the generator), the result is that of the last whole level.

        Raises
        ------
        NonFiniteStepError
            If a step gives NaN or infinity (``not-finite``); the last good state is kept as the result.
        """
        if self._has_begun:
            raise SeisdreamError("This dream has run already; make a new Dream to dream again.", code="invalid")
        self._has_begun = True
        settings, evaluate = self.settings, self._make_evaluator()
        sizes = self._plan.octave_sizes
        randoms = [np.random.default_rng(seed) for seed in self._plan.seeds]

        def draw_transforms() -> list[Transform]:
            return [
                sample_transform(
                    random, len(sizes[0]), settings.jitter, settings.boundary or "mirror", settings.transforms
                )
                for random in randoms
            ]

        for level in range(1, settings.levels + 1):
            if level > 1 and settings.zoom:
                self._zoom_in(settings.zoom)
                evaluate.zoom_in(settings.zoom)
            parameterization = self._parameterization
            steps = ascend(parameterization, evaluate, sizes, settings.steps, settings.step_size, draw_transforms)
            try:
                for step in steps:
                    row = {"level": level, "octave": step.octave, "step": step.step}
                    for score, scores in zip(step.scores, self._scores, strict=True):
                        scores.append({**row, "score": score, "milliseconds": step.milliseconds})
                    state = DreamState(
                        **row,
                        n_levels=settings.levels,
                        n_octaves=len(sizes),
                        n_steps=settings.steps,
                        scores=step.scores,
                        milliseconds=step.milliseconds,
                        _render=parameterization.full_image(),
                    )
                    if state.ends_level:
                        self._end_level()
                    yield state
            except NonFiniteStepError:
                self._keep_sections()
                raise
            if not settings.steps:
                self._end_level()

    def run(self) -> Dream:
        """Dream to the end, and return the dream."""
        for _ in self.states():
            pass
        return self

    def _end_level(self) -> None:
        self._keep_sections()
        images = self._scale.to_exact_image(self._result)
        for number, images_of_dream in enumerate(self._level_images):
            images_of_dream.append(as_bytes(as_array(self._plane(images[number : number + 1]))))
        self.n_levels_done += 1

    def _keep_sections(self) -> None:
        self._result = self._parameterization.sections()
        for number, measured in enumerate(self._repeatability):
            if measured:
                measured["result"] = self._compare_with_input(number, self._result)

    def _plane(self, images: torch.Tensor) -> torch.Tensor:
        """Return images ``(batch, channel, row, column)``; of a cube, its middle inline."""
        return images[:, :, :, self._middle_inline] if images.ndim == 5 else images

    @property
    def _middle_inline(self) -> int:
        if self.volume is not None:
            return self.volume.inlines.index(self.volume.middle)
        return self._plan.space[1] // 2

    def image(self, state: DreamState | None = None, number: int = 0) -> np.ndarray:
        """Return the network's input as grey levels ``(row, column)`` or ``(row, column, 3)``.

        Parameters
        ----------
        state : DreamState, optional
            After this step, at the section's size; by default after the last whole level.
        number : int, default 0
            Which dream of the batch. Of a cube, the middle inline is returned.
        """
        images = self._scale.to_exact_image(self._result) if state is None else state.image
        return as_array(self._plane(images[number : number + 1]))

    def _zoom_in(self, zoom: float) -> None:
        values = [zoom_in(as_array(one), zoom) for one in self._result.split(1)]
        self._absent, self._missing = (
            zoom_in(where.astype(np.float32), zoom) > 0.5 for where in (self._absent, self._missing)
        )
        inputs = self._zoomed_input or [fill_absent(one)[0] for one in self._plan.sections]
        self._zoomed_input = [zoom_in(one, zoom) for one in inputs]
        self._positions = [zoom_in_positions(positions, zoom) for positions in self._positions]
        if self._mask is not None:
            self._mask = zoom_in(self._mask, zoom)
        self._result = torch.cat([_to_tensor(one, self._plan.kind) for one in values]).to(self.settings.device)
        self._parameterization = self._make_parameterization()

    # The result.

    @property
    def original(self) -> xr.DataArray:
        """The input; of a batch, the first."""
        return self._plan.sections[0]

    @property
    def network(self) -> Network:
        """The dream's own network."""
        return self._plan.network

    @property
    def networks(self) -> dict[str, Network]:
        """Further networks that the objective names."""
        return self._plan.networks

    @property
    def section(self) -> xr.DataArray:
        """The dreamed section (or cube) after the last whole level, in its own units; of a batch, the first."""
        return self.dreamed(0)

    def dreamed(self, number: int) -> xr.DataArray:
        """Return one dream of the batch after the last whole level, with the input's coordinates."""
        original = self._plan.sections[number]
        if self._plan.kind == "cube":
            values = self._result[number, 0].cpu().numpy().astype(np.float32)
            return xr.DataArray(values, original.coords, CUBE_DIMS, attrs=self._attrs(original))
        values = as_array(self._result[number : number + 1]).astype(np.float32)
        mapping = self._scale.mappings[number]
        # Muted samples are zero in the input and stay so; where the dream is in colour that is mid-grey.
        values[self._absent] = np.float32((mapping.low + mapping.high) / 2)
        values[self._missing] = np.nan
        dims, attrs = [str(dim) for dim in original.dims], self._attrs(original)
        if values.ndim > original.ndim:
            dims.append(COLOUR_DIM)
            attrs.update(units="grey level", value_range=(0.0, 255.0))
        return make_section(values, dims=dims, coords=self._coordinates(original), **attrs)

    def _attrs(self, original: xr.DataArray) -> dict[str, Any]:
        # The samples of a dream are no longer those of the file that was opened.
        attrs = {str(name): value for name, value in original.attrs.items() if name != "opened"}
        return {**attrs, "settings": self.settings.to_json()}

    def before(self, number: int = 0) -> xr.DataArray:
        """Return the input as it lies under the dream: enlarged alike where the levels zoomed."""
        original = self._plan.sections[number]
        if self._zoomed_input is None:
            return original
        return make_section(
            self._zoomed_input[number],
            dims=[*map(str, original.dims)],
            coords=self._coordinates(original),
            **original.attrs,
        )

    def _coordinates(self, original: xr.DataArray) -> dict[str, Any]:
        """Return the input's coordinates; after zooming, those of the positions that are left, of the two axes only."""
        if all(np.array_equal(one, np.arange(len(one))) for one in self._positions):
            return {str(name): coord for name, coord in original.coords.items()}
        coords = {}
        for dim, positions in zip(original.dims, self._positions, strict=False):
            numbers = original[dim]
            coords[str(dim)] = (dim, np.interp(positions, np.arange(len(positions)), numbers.values), numbers.attrs)
        return coords

    def _auxiliary_outputs(self, *, at_start: bool) -> list[dict[str, AuxiliaryOutput]]:
        """Return what each dream found in addition to its section, or started from."""
        return [
            part.auxiliary_outputs(part.initial_values if at_start else part.values)
            for part in self._parameterization.parts
            for _ in range(len(part.start))
        ]

    def _compare_with_input(self, number: int, result: torch.Tensor | None = None) -> dict[str, float]:
        sections = self._parameterization.sections() if result is None else result
        original = self._plan.sections[number]
        values = sections[number].cpu().numpy()
        values = values[0] if len(values) == 1 else np.moveaxis(values, 0, -1)
        own = original.values if self._plan.kind == "cube" else fill_absent(original)[0]
        return repeatability(values[~self._absent], own[~self._absent])

    @property
    def replay_obstacle(self) -> str | None:
        """Why the settings alone do not define this dream, or None where they do."""
        plan, settings = self._plan, self.settings
        given = {"guide": self.guide, "mask": self.mask, "objective_mask": self.objective_mask,
                 "reference_section": self.reference_section}  # fmt: skip
        made_in_python = [
            name for name, value in given.items() if value is not None and getattr(settings, name) is None
        ]
        made_in_python += [name for name in ("input", "network") if getattr(settings, name) is None]
        if settings.layer is None or not all(map(is_parsable, plan.objectives)):
            made_in_python.append("objective")
        if any(one.name != name or not one.is_loadable for name, one in plan.networks.items()):
            made_in_python.append("further network")
        if len(plan.sections) > 1 and settings.variants is None:
            made_in_python.append("batch")
        if made_in_python:
            return f"the {' and the '.join(one.replace('_', ' ') for one in made_in_python)} came from Python"
        return None

    def result(self, *, stopped: str | None = None, frames: Sequence[Sequence[np.ndarray]] = ()) -> DreamResult:
        """Return the result of the last whole level.

        Parameters
        ----------
        stopped : str, optional
            Why the dream ended early.
        frames : sequence of sequence of array, optional
            Film frames of each dream of the batch, as `FilmRecorder` collects them.
        """
        results = [self._result_of(number, stopped, frames) for number in range(len(self._plan.sections))]
        if len(results) == 1:
            return results[0]
        joined = xr.concat([one.dataset for one in results], dim="variant", join="override", combine_attrs="override")
        return DreamResult(
            joined.assign_coords(variant=np.arange(1, len(results) + 1)),
            self._provenance(0, self.settings, stopped, [one.dataset["dream"] for one in results]),
            notes=list(self.notes),
            settings=self.settings,
            source=self._plan.sections[0],
            stopped=stopped,
            input_files=self.input_files,
            variants=tuple(results),
        )

    def _result_of(self, number: int, stopped: str | None, frames: Sequence[Sequence[np.ndarray]]) -> DreamResult:
        plan, is_batch = self._plan, len(self._plan.sections) > 1
        settings = self.settings
        if is_batch:
            settings = settings.replace(seed=plan.seeds[number], variants=None, layer=str(plan.objectives[number]))
            settings = resolve_parameterization(settings, [plan.sections[number]], self.reference_section)
        dreamed, before = self.dreamed(number), self.before(number)
        dataset = xr.Dataset({"dream": dreamed, "before": before})
        for at_start in (False, True):
            for name, one in self._auxiliary_outputs(at_start=at_start)[number].items():
                if at_start and name != "impedance":
                    continue
                values = np.where(self._absent, np.float32(np.nan), one.values)
                key = f"{name}_before" if at_start else name
                dataset[key] = (before.dims[: values.ndim], values, {"units": one.units, "long_name": one.long_name})
        parts = self._parameterization.parts
        wavelet = parts[min(number, len(parts) - 1)].wavelet
        return DreamResult(
            dataset,
            self._provenance(number, settings, stopped, [dreamed]),
            notes=list(self.notes),
            settings=settings,
            source=plan.sections[number],
            volume=self.volume,
            scores=self._scores[number],
            level_images=self._level_images[number],
            frames=list(frames[number]) if frames else [],
            wavelet=wavelet,
            repeatability=self._repeatability[number],
            stopped=stopped,
            input_files=self.input_files,
        )

    def _provenance(
        self, number: int, settings: DreamSettings, stopped: str | None, dreamed: Sequence[xr.DataArray]
    ) -> dict[str, Any]:
        plan = self._plan
        obstacle = self.replay_obstacle
        if (
            obstacle is None
            and settings.variants is None
            and any(isinstance(term, Diversity) for term in plan.objectives[number].terms())
        ):
            obstacle = "it was dreamed together with the other variants; replay the folder above"
        others = {"guide": self.guide, "mask": self.mask, "objective_mask": self.objective_mask,
                  "reference_section": self.reference_section, **plan.networks}  # fmt: skip
        hashes = [hash_samples(one) for one in dreamed]
        return make_provenance(
            kind="dream",
            settings=settings,
            section=plan.sections[number],
            network=plan.network,
            others=others,
            grey_mapping=self.mapping,
            result={
                "samples_sha256": hashes[0] if len(hashes) == 1 else hashes,
                "n_levels": self.n_levels_done,
                "stopped": stopped,
                "repeatability": self._repeatability[number],
                "replay_obstacle": obstacle,
            },
            notes=self.notes,
        )

    @property
    def has_progressed(self) -> bool:
        """Whether any step was taken."""
        return bool(self._scores[0])

    @property
    def input_files(self) -> list[str]:
        """The files that the dream was made from, which must survive it."""
        settings = self.settings
        names = [settings.input, settings.network, settings.weights, settings.guide, settings.mask,
                 settings.objective_mask, settings.reference_section, settings.wavelet]  # fmt: skip
        names += [*files_of(self._plan.terms[0]), *self._plan.networks]
        return [str(name) for name in names if name and Path(name).exists()]


def dream(
    data: Any,
    network: Network | str,
    objective: Objective | str | None = None,
    *,
    settings: DreamSettings | None = None,
    guide: xr.DataArray | None = None,
    mask: xr.DataArray | np.ndarray | None = None,
    objective_mask: xr.DataArray | np.ndarray | None = None,
    reference_section: xr.DataArray | None = None,
    networks: Mapping[str, Network] | None = None,
    **overrides: Any,
) -> DreamResult:
    """Dream and return the result.

    Parameters
    ----------
    data : DataArray, array, tensor, path, volume, or a sequence of sections
        As for `Dream`.
    network : Network or str
        From `load_network`, or its name. Your own module becomes one by ``load_network(module, preprocessing=...)``.
    objective : Objective or str, optional
        What to increase, such as ``"inception_4c/output"`` or ``ClassLogit("salt") - 0.1 * Layer("enc1")``; by default
        the network's own layer.
    settings : DreamSettings, optional
        By default the defaults.
    guide, mask, objective_mask, reference_section, networks : optional
        As for `Dream`.
    **overrides
        Any setting of `DreamSettings`, such as ``steps=20`` or ``parameterization="fourier"``.

    Returns
    -------
    DreamResult
        ``result.dataset["dream"]`` has the input's units and coordinates; ``result.save(folder)`` writes everything.

    Raises
    ------
    SeisdreamError
        As for `Dream`; a setting that does not exist is ``unknown-argument``.

    Examples
    --------
    >>> import seisdream as sd
    >>> section = sd.open_section("sample:built-in")
    >>> sd.dream(section, "gabor", octaves=1, steps=1).dataset["dream"].dims
    ('time', 'trace')
    """
    run = Dream(
        data,
        network,
        objective,
        settings=settings,
        guide=guide,
        mask=mask,
        objective_mask=objective_mask,
        reference_section=reference_section,
        networks=networks,
        **overrides,
    )
    return run.run().result()


def _as_data(data: Any, network: Network, settings: DreamSettings) -> xr.DataArray | list[xr.DataArray]:
    if isinstance(data, str | os.PathLike):
        sections = _open_sections(settings.replace(input=os.fspath(data)))
        return sections[0] if len(sections) == 1 else sections
    if isinstance(data, list | tuple):
        # The same section may be repeated, and is measured once.
        labelled = {id(one): make_section(one) for one in data}
        if not labelled:
            raise SeisdreamError("Got no section; give one or more.", code="missing-argument")
        return [labelled[id(one)] for one in data]
    is_cube = isinstance(data, xr.DataArray) and set(data.dims) == set(CUBE_DIMS)
    if is_cube or (not isinstance(data, xr.DataArray) and network.n_spatial_dims == 3):
        return make_cube(data)
    return make_section(data)


def _as_mask(mask: xr.DataArray | np.ndarray, section: xr.DataArray, option: str) -> np.ndarray:
    if section.dims != CUBE_DIMS:
        return check_mask(mask, section, option, may_be_empty=option == "mask")
    values = np.asarray(mask, np.float32)
    if values.shape != section.shape or not (values.min() >= 0.0 and values.max() <= 1.0):
        raise SeisdreamError(
            f"`{option}` has shape {values.shape} and values from {values.min():g} to {values.max():g}; it must have "
            f"the cube's shape {section.shape}, with values from 0 to 1.",
            code="wrong-shape" if values.shape != section.shape else "out-of-range",
            option=option,
        )
    return values


def _mapping_of(data: xr.DataArray, percentile: float) -> GreyMapping:
    return GreyMapping.of(traces_of(data) if data.dims == CUBE_DIMS else data, percentile)


def _to_tensor(values: np.ndarray, kind: str) -> torch.Tensor:
    """Return samples as ``(1, channel, *space)``."""
    if kind == "cube":
        return torch.from_numpy(values.copy())[None, None]
    return torch.from_numpy(np.ascontiguousarray(np.atleast_3d(values))).permute(2, 0, 1)[None].contiguous()


def _open_sections(settings: DreamSettings) -> list[xr.DataArray]:
    """Open the input of a dream; variants of noise each start from noise of their own."""
    source, options = str(settings.input), dict(settings.input_options)
    if not source.startswith(NOISE):
        return [open_section(source, **options)]
    n_dreams = settings.variants or 1
    return [open_section(source, **{"seed": settings.seed + number, **options}) for number in range(n_dreams)]


def _open_volume(settings: DreamSettings, network: Network) -> SegyVolume:
    path, options = find_segy(str(settings.input)), dict(settings.input_options)
    if path is None or {"inline", "crossline", "time_ms"} & set(options):
        raise SeisdreamError(
            f"{network.name} is a 3-D network: give it a whole SEG-Y volume (no `inline`, `crossline` or `time_ms`) "
            "or, in Python, a cube; or use a network for sections.",
            code="incompatible",
            option="network",
        )
    return SegyVolume(path, **options)


def _open_further(name: str | None, option: str) -> xr.DataArray | None:
    """Open a section in addition to the input; an error names it."""
    if name is None:
        return None
    try:
        section = open_section(name)
        check_section(section)
    except SeisdreamError as error:
        raise SeisdreamError(f"`{option}` {name} cannot be used: {error}", code=error.code, option=option) from error
    return section


def _with_origin(settings: DreamSettings, section: xr.DataArray, network: Network) -> DreamSettings:
    """Fill in input and network where settings do not name them, but the section and the network have their origin."""
    if settings.input is None and "opened" in section.attrs:
        opened = json.loads(section.attrs["opened"])
        settings = settings.replace(input=opened["input"], input_options=opened["options"])
    if settings.network is None and network.is_loadable:
        settings = settings.replace(
            network=network.name, weights=network.weights, network_options=dict(network.options)
        )
    return settings
