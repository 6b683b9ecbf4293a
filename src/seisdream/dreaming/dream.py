"""Dream on a section, on several at once, or on a cube."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.canvas import Canvas, image_of
from seisdream.dreaming.evaluator import make_evaluator
from seisdream.dreaming.inputs import (
    as_data,
    as_mask,
    named_files,
    open_further,
    open_sections,
    open_volume,
    with_origin,
)
from seisdream.dreaming.loop import DreamState, Gradient, NonFiniteStepError, ascend
from seisdream.dreaming.objectives.parser import is_parsable, parse
from seisdream.dreaming.objectives.terms import Objective
from seisdream.dreaming.objectives.textures import Diversity
from seisdream.dreaming.parameterizations.base import AuxiliaryOutput, Parameterization
from seisdream.dreaming.parameterizations.factory import make_parameterization, resolve_parameterization
from seisdream.dreaming.resolve import resolve
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.survey import SurveyPart
from seisdream.dreaming.transforms import Transform, sample_transform
from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import as_array, as_bytes
from seisdream.io.masks import open_mask
from seisdream.io.segy import SegyVolume
from seisdream.models.cpu_fusion import release_memory
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import as_network, open_network
from seisdream.provenance import hash_samples, make_provenance
from seisdream.results.dream_result import TITLE, DreamResult
from seisdream.seismic.sections import GreyMapping
from seisdream.seismic.volumes import Volume


class Dream:
    """A dream, run by consuming `states`.

    Parameters
    ----------
    data : DataArray, array, tensor, path, volume, or a sequence of sections
        A section ``(time, trace)``, its path, or a picture; a cube ``(time, inline, crossline)`` for a 3-D network; or
        several sections of one size, which are dreamed as one batch. Absent samples are NaN, or muted.
    network : Network or str
        From `load_network`, or its name.
    objective : Objective or str, optional
        What to increase; by default the setting `layer`, and without it the network's default layer.
    settings : DreamSettings, optional
        All settings; by default those of `DreamSettings()`.
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
    survey : SurveyPart, optional
        What a part of a survey shares with the other parts; by default the input stands alone.
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

    Examples
    --------
    >>> import seisdream as sd
    >>> run = sd.Dream(sd.open_section("sample:built-in"), "gabor", octaves=2, steps=1)
    >>> [(state.octave, state.step) for state in run.states()]
    [(1, 1), (2, 1)]
    >>> run.result().dream.dims
    ('time', 'trace')
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
        survey: SurveyPart | None = None,
        trusted: Collection[str] | None = None,
        **overrides: Any,
    ):
        network, settings = as_network(network), DreamSettings.of(settings, overrides)
        if isinstance(objective, str):
            objective = parse(objective)
        self.volume = data if isinstance(data, SegyVolume) else None
        present = None
        if isinstance(data, Volume):
            # Missing traces must not make the rest of the volume louder.
            mapping = mapping or data.grey_mapping(settings.percentile)
            data, present = data.read_cube()
        data = as_data(data, network, settings)
        first = data if isinstance(data, xr.DataArray) else data[0]
        self.guide, self.reference_section, self._survey = guide, reference_section, survey or SurveyPart()
        self.mask = None if mask is None else as_mask(mask, first, "mask")
        self.objective_mask = None if objective_mask is None else as_mask(objective_mask, first, "objective_mask")
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
            around=self._survey.around,
            is_block=self._survey.is_block,
        )
        self.notes = self._plan.notes
        self.settings = with_origin(self._plan.settings, self._plan.sections[0], network)
        self._prepared = prepared
        self._scores: list[list[dict[str, Any]]] = [[] for _ in self._plan.sections]
        self._level_images: list[list[np.ndarray]] = [[] for _ in self._plan.sections]
        self._repeatability: list[dict[str, dict[str, float]]] = [{} for _ in self._plan.sections]
        self.n_levels_done = 0
        self._has_begun = False
        self._canvas = Canvas(
            self._plan.sections,
            self.settings,
            mask=self.mask,
            mapping=mapping,
            present=present,
            is_fixed=self._is_fixed,
            extremes=self._survey.extremes,
        )
        self._parameterization = self._make_parameterization()
        self._note_start()

    @classmethod
    def from_settings(
        cls,
        settings: DreamSettings,
        *,
        trusted: Collection[str] | None = None,
        network: Network | None = None,
        section: xr.DataArray | None = None,
    ) -> Dream:
        """Open what settings name and return the dream, ready to run.

        Parameters
        ----------
        settings : DreamSettings
            With `input` and `network`.
        trusted : collection of str, optional
            Networks that may be Python code (``package.module:factory``) where the settings come from a file; by
            default all.
        network, section : Network, DataArray, optional
            The network and the input of the settings, where they are open already.

        Raises
        ------
        SeisdreamError
            If something that the settings name cannot be opened, or does not fit.
        """
        for name in ("input", "network"):
            if getattr(settings, name) is None:
                raise SeisdreamError(f"`{name}` is missing in the settings.", code="missing-argument", option=name)
        network = network or open_network(
            str(settings.network),
            settings.weights,
            settings.network_options,
            trust_code=trusted is None or settings.network in trusted,
        )
        if network.n_spatial_dims == 3:
            return cls(open_volume(settings, network), network, settings=settings, trusted=trusted)
        sections = open_sections(settings) if section is None else [section]
        first = sections[0]
        return cls(
            first if len(sections) == 1 else sections,
            network,
            settings=settings,
            guide=open_further(settings.guide, "guide"),
            mask=open_mask(settings.mask, first) if settings.mask else None,
            objective_mask=open_mask(settings.objective_mask, first, option="objective_mask")
            if settings.objective_mask
            else None,
            reference_section=open_further(settings.reference_section, "reference_section"),
            trusted=trusted,
        )

    def _note_start(self) -> None:
        """Note how well the parameterization's start agrees with the input, where it does not equal it."""
        if any(self._auxiliary_outputs(at_start=True)):
            sections = self._parameterization.sections()
            for number, measured in enumerate(self._repeatability):
                measured["start"] = self._canvas.compare_with_input(number, sections)
        if start := self._repeatability[0].get("start"):
            self.notes.append(
                f"The {self.settings.parameterization} that the dream starts from gives a seismogram that correlates "
                f"at {start['correlation']:.3f} with the input (NRMS {start['nrms_percent']:.0f} %)."
            )
        if self._canvas.weight is not None and self.settings.parameterization == "phase":
            self.notes.append(
                "The spectrum is fixed before absent samples and those outside the mask are restored, "
                "so it is preserved only approximately."
            )

    def _make_parameterization(self, *, is_first_level: bool = True) -> Parameterization:
        made = make_parameterization(
            self.settings,
            self._plan.sections,
            self._canvas.samples,
            self._canvas.scale,
            weight=self._canvas.weight,
            reference=self.reference_section,
            is_first_level=is_first_level,
        )
        if self._survey.step_scale is not None:
            made.step_scale = self._survey.step_scale
        return made

    # Running.

    @property
    def _is_fixed(self) -> bool:
        """Whether no network of the objective is normalised by statistics."""
        return all(one.network.preprocessing.is_fixed for bound in self._plan.bound for one in bound)

    @property
    def n_dreams(self) -> int:
        """How many dreams the batch has."""
        return len(self._plan.sections)

    @property
    def _n_steps(self) -> int:
        """Steps in each octave."""
        assert self.settings.steps is not None, "resolved before"
        return self.settings.steps

    @property
    def octave_samples(self) -> list[int]:
        """Samples of each octave, which the duration of its steps is about proportional to."""
        return [math.prod(size) for size in self._plan.octave_sizes]

    @property
    def n_states(self) -> int:
        """How many states there will be."""
        return self.settings.levels * (self.settings.octaves or 1) * self._n_steps

    def states(self) -> Generator[DreamState, None, None]:
        """Dream, and yield a state after every step.

        If it ends early (by an interrupt, or closing the generator), the result is that of the last whole level.

        Raises
        ------
        NonFiniteStepError
            If a step gives NaN or infinity (``not-finite``); the last good state is kept as the result.
        """
        for one in self._begin():
            if isinstance(one, DreamState):
                yield one

    def gradients(self) -> Iterator[Gradient]:
        """Dream, and yield the gradient of each step before it is taken; it may be replaced.

        Only for parts of a survey that are coupled (`SurveyPart.is_coupled`).
        """
        for one in self._begin():
            if isinstance(one, Gradient):
                yield one

    def _begin(self) -> Iterator[DreamState | Gradient]:
        if self._has_begun:
            raise SeisdreamError("This dream has run already; make a new Dream to dream again.", code="invalid")
        self._has_begun = True
        try:
            yield from self._levels()
        finally:
            self._parameterization.end()
            if self.settings.tile:
                release_memory()

    def _levels(self) -> Iterator[DreamState | Gradient]:
        settings, step_size = self.settings, self.settings.step_size
        assert step_size is not None, "resolved before"
        evaluate = make_evaluator(
            self._plan,
            # Penalties compare with the input; a parameterization may start from something else.
            self._canvas.image,
            mappings=self._canvas.mappings,
            is_present=~self._canvas.absent,
            guide=None if self.guide is None else image_of(self.guide, settings, is_fixed=self._is_fixed),
            objective_mask=self.objective_mask,
            prepared=self._prepared,
            around=self._survey.around,
        )
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
                self._canvas.zoom_in(settings.zoom)
                evaluate.zoom_in(settings.zoom)
                self._parameterization = self._make_parameterization(is_first_level=False)
            states = ascend(
                self._parameterization,
                evaluate,
                sizes,
                self._n_steps,
                step_size,
                draw_transforms,
                settings.smooth,
                level=(level, settings.levels),
                is_coupled=self._survey.is_coupled,
            )
            try:
                for one in states:
                    if isinstance(one, DreamState):
                        self._note_scores(one)
                        if one.ends_level:
                            self._end_level()
                    yield one
            except NonFiniteStepError:
                self._keep_sections()
                raise
            if not self._n_steps:
                self._end_level()

    def run(self) -> Dream:
        """Dream to the end, and return the dream."""
        for _ in self.states():
            pass
        return self

    def _note_scores(self, state: DreamState) -> None:
        for score, scores in zip(state.scores, self._scores, strict=True):
            row = {name: getattr(state, name) for name in ("level", "octave", "step")}
            scores.append(row | {"score": score, "milliseconds": state.milliseconds})

    def _end_level(self) -> None:
        self._keep_sections()
        for number, images_of_dream in enumerate(self._level_images):
            scale, samples = self._canvas.scale.of(number), self._plane(self._canvas.samples[number : number + 1])
            # In parts, so that no image of floats as large as the section is needed.
            parts = samples.split(max(1, 2**22 // samples[:, :, :1].numel()), dim=2)
            images_of_dream.append(np.concatenate([as_bytes(as_array(scale.to_exact_image(part))) for part in parts]))
        self.n_levels_done += 1

    def _keep_sections(self) -> None:
        self._canvas.samples = self._parameterization.sections()
        for number, measured in enumerate(self._repeatability):
            if measured:
                measured["result"] = self._canvas.compare_with_input(number, self._canvas.samples)

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
        images = self._canvas.image if state is None else state.image
        return as_array(self._plane(images[number : number + 1]))

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
    def mapping(self) -> GreyMapping:
        """From the units of the input to grey levels; of a batch, that of the first section."""
        return self._canvas.mapping

    @property
    def section(self) -> xr.DataArray:
        """The dreamed section (or cube) after the last whole level, in its own units; of a batch, the first."""
        return self.dreamed(0)

    def dreamed(self, number: int) -> xr.DataArray:
        """Return one dream of the batch after the last whole level, with the input's coordinates."""
        return self._canvas.dreamed(number)

    def before(self, number: int = 0) -> xr.DataArray:
        """Return the input as it lies under the dream: enlarged alike where the levels zoomed."""
        return self._canvas.before(number)

    def _auxiliary_outputs(self, *, at_start: bool) -> list[dict[str, AuxiliaryOutput]]:
        """Return what each dream found in addition to its section, or started from."""
        return [
            part.auxiliary_outputs(part.initial_values if at_start else part.values)
            for part in self._parameterization.parts
            for _ in range(len(part.start))
        ]

    @property
    def _given(self) -> dict[str, Any]:
        """What was given in addition to the input and the network, by the names of its settings."""
        return {
            "guide": self.guide,
            "mask": self.mask,
            "objective_mask": self.objective_mask,
            "reference_section": self.reference_section,
        }

    @property
    def replay_obstacle(self) -> str | None:
        """Why the settings alone do not define this dream, or None where they do."""
        plan, settings = self._plan, self.settings
        made_in_python = [
            name for name, value in self._given.items() if value is not None and getattr(settings, name) is None
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
        dataset = xr.Dataset({"dream": dreamed, "before": before}, attrs={"title": TITLE})
        for at_start in (False, True):
            for name, one in self._auxiliary_outputs(at_start=at_start)[number].items():
                if at_start and name != "impedance":
                    continue
                values = np.where(self._canvas.absent, np.float32(np.nan), one.values)
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
        hashes = [hash_samples(one) for one in dreamed]
        return make_provenance(
            kind="dream",
            settings=settings,
            section=plan.sections[number],
            network=plan.network,
            others={**self._given, **plan.networks},
            grey_mapping=self._canvas.mapping,
            result={
                "samples_sha256": hashes[0] if len(hashes) == 1 else hashes,
                "n_levels": self.n_levels_done,
                "stopped": stopped,
                "repeatability": self._repeatability[number],
                "replay_obstacle": obstacle,
            },
            notes=self.notes,
            files=named_files(settings, plan.terms[number]),
        )

    @property
    def has_progressed(self) -> bool:
        """Whether any step was taken."""
        return bool(self._scores[0])

    @property
    def input_files(self) -> list[str]:
        """The files that the dream was made from, which must survive it."""
        return named_files(self.settings, self._plan.terms[0])


def dream(data: Any, network: Network | str, objective: Objective | str | None = None, **given: Any) -> DreamResult:
    """Dream on sections or a cube in memory and return the result; parameters and errors are those of `Dream`."""
    return Dream(data, network, objective, **given).run().result()
