"""From settings, input and network to a plan: every default resolved, everything incompatible refused by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from seisdream.dreaming.compatibility import (
    check_input,
    check_objective,
    check_regions,
    check_size,
    deepest_fitting_layer,
    refuse_unsupported,
    smallest_octave,
)
from seisdream.dreaming.objectives.binding import BoundObjective, group_by_network, open_networks
from seisdream.dreaming.objectives.concepts import name_directions
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Objective, Sum, Term, bind_objective
from seisdream.dreaming.objectives.textures import Diversity, DreamBatch
from seisdream.dreaming.parameterizations.factory import ZOOMABLE, resolve_parameterization
from seisdream.dreaming.schedule import check_octaves, n_fitting_octaves, octave_sizes
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.network_input import notes_on_input
from seisdream.inference.surroundings import Surroundings
from seisdream.inference.tiling import AUTO_TILE_SIZE, Halo, Size, resolve_tile
from seisdream.models.network import Network
from seisdream.models.prepared import resolve_device, resolve_precision
from seisdream.results.presets import IN_BLOCKS, PRESETS
from seisdream.seismic.cubes import DIMS as CUBE_DIMS
from seisdream.seismic.cubes import make_cube
from seisdream.seismic.sections import (
    absent_samples,
    check_section,
    describe_absent,
    is_colour,
    is_picture,
)

_N_OCTAVES, _N_CUBE_OCTAVES = 4, 3


@dataclass(frozen=True)
class Plan:
    """A dream that is ready to run.

    Attributes
    ----------
    kind : {"section", "variants", "cube"}
        What it runs on.
    settings : DreamSettings
        With every default resolved.
    sections : tuple of DataArray
        One for each dream of the batch, ``(time, trace)``, or one cube ``(time, inline, crossline)``.
    seeds : tuple of int
        One for each dream of the batch.
    network : Network
        The dream's own.
    networks : dict of Network
        Further networks that the objective names.
    objectives : tuple of Objective
        One for each dream of the batch.
    terms : tuple of tuple of Term
        Their terms, bound.
    bound : tuple of tuple of BoundObjective
        The same by network, without penalties.
    batch : DreamBatch or None
        Shared by terms of diversity, where there are any.
    halos : tuple of Halo or None
        For each network, where the dream runs in tiles.
    notes : list of str
        What was resolved otherwise than usual, and why.
    """

    kind: str
    settings: DreamSettings
    sections: tuple[xr.DataArray, ...]
    seeds: tuple[int, ...]
    network: Network
    networks: dict[str, Network]
    objectives: tuple[Objective, ...]
    terms: tuple[tuple[Term, ...], ...]
    bound: tuple[tuple[BoundObjective, ...], ...]
    batch: DreamBatch | None
    halos: tuple[Halo | None, ...]
    notes: list[str]

    @property
    def space(self) -> tuple[int, ...]:
        """Samples along each axis."""
        return tuple(self.sections[0].shape[: 3 if self.kind == "cube" else 2])

    @property
    def octave_sizes(self) -> list[tuple[int, ...]]:
        """The size of each octave, smallest first."""
        return octave_sizes(self.space, self.settings.octaves or 1, _scales(self.settings, len(self.space)))


def resolve(
    data: xr.DataArray | Sequence[xr.DataArray],
    network: Network,
    settings: DreamSettings,
    *,
    objective: Objective | None = None,
    objectives: Sequence[Objective] | None = None,
    seeds: Sequence[int] | None = None,
    networks: Mapping[str, Network] | None = None,
    trusted: Collection[str] | None = None,
    guide: xr.DataArray | None = None,
    mask: np.ndarray | None = None,
    objective_mask: np.ndarray | None = None,
    reference: xr.DataArray | None = None,
    around: Surroundings | None = None,
    is_block: bool = False,
) -> Plan:
    """Resolve what settings leave open for an input and a network, and refuse what does not go together.

    Parameters
    ----------
    data : DataArray or sequence of DataArray
        A section, a cube, or several sections of one size.
    network : Network
        The dream's own.
    settings : DreamSettings
        With None for defaults that depend on input and network.
    objective, objectives : Objective
        Instead of the settings' `layer`: one for all dreams, or one for each.
    seeds : sequence of int, optional
        One for each dream; by default they count up from the settings' `seed`.
    networks : mapping of Network, optional
        Further networks that objectives name.
    trusted : collection of str, optional
        Networks that may be Python code where settings come from a file; by default all.
    guide, mask, objective_mask, reference
        As for `Dream`, checked already.
    around : Surroundings, optional
        The volume that the sections are from; by default found in the files that they were opened from.
    is_block : bool, default False
        Whether a cube is one of several blocks, as in `SurveyPart`.

    Raises
    ------
    SeisdreamError
        If a setting does not work for this kind of input (``not-supported``), settings are incompatible with each
        other, the input or the network (``incompatible``), or the input is too small (``too-small``).
    """
    kind, sections = _batch(data, settings)
    refuse_unsupported(settings, kind)
    check_input(sections[0], network, guide, kind)
    if sum(given is not None for given in (objective, objectives, settings.layer)) > 1:
        raise SeisdreamError(
            "Got more than one of `objective`, `objectives` and `layer`; give one of them.",
            code="incompatible",
            option="layer",
        )
    notes = [note] if kind != "cube" and (note := describe_absent(sections[0])) else []
    if objectives is None:
        objectives = (objective or _default_objective(settings, network, sections[0].shape, kind, notes),) * len(
            sections
        )
    if settings.concepts is not None:
        objectives = [name_directions(one, settings.concepts, network) for one in objectives]
    if seeds is None:
        seeds = [settings.seed + number for number in range(len(sections))]
    if not len(objectives) == len(seeds) == len(sections):
        raise SeisdreamError(
            f"Got {len(sections)} sections, {len(objectives)} objectives and {len(seeds)} seeds; each dream needs one "
            "of each.",
            code="wrong-shape",
        )
    objectives, batch = _share_batch(objectives)
    further: dict[str, Network] = {}
    for one in dict.fromkeys(objectives):
        further |= open_networks(one, network, {**(networks or {}), **further}, trusted=trusted)
    terms = tuple(bind_objective(one, network, further) for one in objectives)
    bound = tuple(group_by_network(one, network, further) for one in terms)
    # To the letter also on amplitudes, whose edges are mirrored otherwise and which are not enlarged.
    is_original = settings.preset == "2015"
    if is_block:
        settings = _resolve_blocks(settings, notes)
    settings = _resolve_preset(settings, sections[0], network)
    settings = _resolve_numbers(settings, sections[0], bound, kind, notes, is_original=is_original)
    settings = settings.replace(layer=str(objectives[0]) if len(set(map(str, objectives))) == 1 else None)
    settings = resolve_parameterization(settings, sections, reference)
    for own_terms, own_bound in zip(terms, bound, strict=True):
        check_objective(own_terms, own_bound, sections[0], guide, kind, has_region=objective_mask is not None)
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for one in (one for dream in bound for one in dream):
        if (one.name, one.layers) in seen:
            continue
        seen.add((one.name, one.layers))
        if kind != "cube":
            check_size(settings, sections[0], one)
        fitted = (one.network.note_on_size(size, one.layers) for size in _all_sizes(settings, sections[0]))
        notes += list(filter(None, fitted))[:1]
        if one.network.class_layer in one.layers and (reason := one.network.out_of_domain_reason(sections[0])):
            notes.append(reason)
    for one in {id(one.network): one.network for dream in bound for one in dream}.values():
        if one.preprocessing.lines > 1 and (settings.colour or is_colour(sections[0])):
            raise SeisdreamError(
                f"{one.name} takes neighbouring lines as channels, and has no colours; use grey sections, without "
                "`colour`.",
                code="incompatible",
                option="colour",
            )
        notes += notes_on_input(one, sections[0], around)
    if settings.colour and network.preprocessing.n_channels == 1:
        notes.append(f"{network.name} takes one grey channel, so a dream in colour has three equal colours.")
    check_regions(settings, bound[0], mask, objective_mask)
    settings, halos = _resolve_tiling(settings, sections[0], bound[0], notes)
    return Plan(kind, settings, sections, tuple(seeds), network, further, objectives, terms, bound, batch, halos, notes)


def _batch(
    data: xr.DataArray | Sequence[xr.DataArray], settings: DreamSettings
) -> tuple[str, tuple[xr.DataArray, ...]]:
    """Return the kind of input, and a section for each dream."""
    if isinstance(data, xr.DataArray) and data.dims == CUBE_DIMS:
        return "cube", (make_cube(data),)
    sections = (data,) * (settings.variants or 1) if isinstance(data, xr.DataArray) else tuple(data)
    if settings.variants is not None and len(sections) != settings.variants:
        raise SeisdreamError(
            f"Got {len(sections)} sections for `variants={settings.variants}`; give one, or one for each.",
            code="wrong-shape",
            option="variants",
        )
    first, is_absent = sections[0], None
    for one in {id(one): one for one in sections}.values():
        check_section(one)
        absent = absent_samples(one)
        is_absent = absent if is_absent is None else is_absent
        if one.shape != first.shape or not np.array_equal(absent, is_absent):
            raise SeisdreamError(
                f"Sections of one batch have one size and the same absent samples; got shapes {first.shape} and "
                f"{one.shape}, with {int(is_absent.sum())} and {int(absent.sum())} absent samples. Where zeros are "
                'amplitudes, use make_section(..., muted="present").',
                code="wrong-shape",
            )
    return "section" if len(sections) == 1 else "variants", sections


def _default_objective(
    settings: DreamSettings, network: Network, size: tuple[int, ...], kind: str, notes: list[str]
) -> Objective:
    if settings.layer is not None:
        return parse(settings.layer)
    if kind == "cube":
        return parse(network.default_layer)
    default = network.default_layer
    field = network.layer(default).receptive_field
    # A layer whose units depend on the whole input fits any section.
    layer = (deepest_fitting_layer(network, size, default) if field else None) or default
    if field and layer != default:
        notes.append(
            f"The section is {size[0]} × {size[1]}: dreaming at '{layer}', not '{default}', whose receptive field is "
            f"{field[0]} × {field[1]}. Shallow layers draw textures only."
        )
    return parse(layer)


def _share_batch(objectives: Sequence[Objective]) -> tuple[tuple[Objective, ...], DreamBatch | None]:
    """Return objectives whose terms of diversity share one batch, and the batch, where there are such terms."""
    if not any(isinstance(term, Diversity) for one in objectives for term in one.terms()):
        return tuple(objectives), None
    batch = DreamBatch(len(objectives))
    shared = (
        Sum(tuple(replace(term, batch=batch) if isinstance(term, Diversity) else term for term in one.terms()))
        for one in objectives
    )
    return tuple(shared), batch


def _resolve_blocks(settings: DreamSettings, notes: list[str]) -> DreamSettings:
    """Fill in what leaves no seams between the blocks of a cube, where settings leave it open."""
    is_open = {"parameterization": settings.preset is settings.parameterization is None,
               "octaves": settings.octaves is None}  # fmt: skip
    values = {name: IN_BLOCKS[name] for name, one in is_open.items() if one}
    if values:
        chosen = " and ".join(f"`{name}={value}`" for name, value in values.items())
        notes.append(f"The volume is dreamed in blocks with {chosen}, because others leave seams between blocks.")
    return settings.replace(**values)


def _resolve_preset(settings: DreamSettings, section: xr.DataArray, network: Network) -> DreamSettings:
    """Fill in the values of the preset where settings leave them open."""
    takes_colours = network.preprocessing.order != "grey"
    preset = settings.preset or ("2015" if takes_colours or settings.colour or is_picture(section) else "seismic")
    values = {"preset": preset, **PRESETS[preset]}
    return settings.replace(**{name: value for name, value in values.items() if getattr(settings, name) is None})


def _resolve_numbers(
    settings: DreamSettings,
    section: xr.DataArray,
    bound: Sequence[Sequence[BoundObjective]],
    kind: str,
    notes: list[str],
    *,
    is_original: bool,
) -> DreamSettings:
    if not all(bound):
        raise SeisdreamError(
            "The objective contains only penalties; add a layer, a channel or a class.",
            code="no-gradient",
            option="layer",
        )
    is_cube, size = kind == "cube", tuple(section.shape[: 3 if kind == "cube" else 2])
    scales, octaves, jitter = _scales(settings, len(size)), settings.octaves, settings.jitter
    if octaves is None:
        usual = _N_CUBE_OCTAVES if is_cube else _N_OCTAVES
        octaves = n_fitting_octaves(size, usual, scales, smallest_octave(bound, is_cube=is_cube))
        if octaves < usual:
            notes.append(f"The input is {' × '.join(map(str, size))}: {octaves} octaves, not {usual}.")
    elif is_cube:
        check_octaves(size, octaves, scales, smallest_octave(bound, is_cube=True))
    if is_cube and jitter > min(size) // 4:
        jitter = min(size) // 4
        notes.append(f"The cube is {' × '.join(map(str, size))}: jitter {jitter}, not {settings.jitter}.")
    device, precision = resolve_device(settings.device, bound[0][0].network), settings.precision
    if is_cube and device == "cpu":  # torch 2.13 does not pool cubes in bfloat16 on a CPU.
        if precision == "bfloat16":
            raise SeisdreamError(
                "`precision=bfloat16` does not work for cubes on a CPU; use `precision=float32`.",
                code="not-supported",
                option="precision",
            )
        precision = "float32"
    has_geometry = is_cube or (not is_picture(section) and section.dims[0] != "row")
    can_zoom = settings.parameterization in ZOOMABLE and not settings.constraints
    is_enlarged = can_zoom and not is_cube and (is_original or not has_geometry)
    zoom = settings.zoom if settings.zoom is not None else 0.05 if is_enlarged else 0.0
    wraps = is_original or (not is_cube and is_picture(section))
    return settings.replace(
        octaves=octaves,
        jitter=jitter,
        boundary=settings.boundary or ("wrap" if wraps else "mirror"),
        zoom=zoom,
        precision=resolve_precision(precision, device),
        device=device,
    )


def _all_sizes(settings: DreamSettings, section: xr.DataArray) -> list[tuple[int, ...]]:
    """Return the size of the section or cube, and of its smaller octaves."""
    space = tuple(section.shape[: 3 if section.dims == CUBE_DIMS else 2])
    return octave_sizes(space, settings.octaves or 1, _scales(settings, len(space)))[::-1]


def _scales(settings: DreamSettings, n_axes: int) -> tuple[float, ...]:
    down, across = settings.octave_scales
    return (down, *(across,) * (n_axes - 1))


def _resolve_tiling(
    settings: DreamSettings, section: xr.DataArray, bound: Sequence[BoundObjective], notes: list[str]
) -> tuple[DreamSettings, tuple[Halo | None, ...]]:
    """Decide whether to dream in tiles: where it was requested, or the section is large and tiles equal the whole."""
    if section.dims == CUBE_DIMS:
        return settings.replace(tile=0), (None,) * len(bound)
    size = (section.shape[0], section.shape[1])
    sizes = octave_sizes(size, settings.octaves or 1, settings.octave_scales)
    tiled_sizes: list[Size] = [(one[0], one[1]) for one in sizes if max(one) > (settings.tile or AUTO_TILE_SIZE)]
    tilings = [
        resolve_tile(one.network, one.layers, size, settings.tile, sizes=tiled_sizes, device=settings.device)
        for one in bound
    ]
    notes += [one.note for one in tilings if one.note]
    if not all(one.tile for one in tilings):
        return settings.replace(tile=0), (None,) * len(bound)
    return settings.replace(tile=tilings[0].tile), tuple(one.halo for one in tilings)
