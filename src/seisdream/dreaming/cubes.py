"""Dreams of networks that look at cubes: the recipe of sections along three axes, on the whole cube at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.ascent import gradient_ascent_step
from seisdream.dreaming.objectives.parser import parse_objective
from seisdream.dreaming.objectives.terms import Neuron, Objective, Term, bind_objective
from seisdream.dreaming.octaves import SMALLEST_OCTAVE, build_octaves, check_octaves, most_octaves, octave_sizes
from seisdream.dreaming.optimizer import ParameterizedAscent
from seisdream.dreaming.parameterizations.factory import begin_parameterization, resolve_parameterization
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.tiled_gradient import Gradient
from seisdream.dreaming.transforms import Jitter
from seisdream.errors import SeisdreamError
from seisdream.inference.resize import resize
from seisdream.models.network import Network
from seisdream.models.prepared import resolve_device, resolve_precision
from seisdream.models.registry import load_network
from seisdream.seismic.cubes import make_cube, traces_of
from seisdream.seismic.sections import GreyMapping

_OCTAVES = 3
_SMALLEST = (SMALLEST_OCTAVE,) * 3
# What of a recipe is for sections alone.
_FOR_SECTIONS = ("zoom", "guide", "mask", "where", "keep", "tile", "window_ms", "robust", "survey")


def dream_cube(
    cube: xr.DataArray | np.ndarray,
    network: Network | str,
    layer: str | None = None,
    *,
    objective: Objective | None = None,
    mask: np.ndarray | None = None,
    survey: xr.DataArray | None = None,
    on_step: Callable[[int, int, float], None] = lambda n_done, n_steps, score: None,
    **settings: Any,
) -> xr.Dataset:
    """Dream on a cube.

    Parameters
    ----------
    cube : DataArray or array
        As for `seisdream.seismic.cubes.make_cube`; an array takes its sampling from the setting ``dt_ms``.
    network : Network or str
        One that sees cubes, such as a file of `seisdream.training` with ``n_dims`` 3, or its name.
    layer : str, optional
        The objective in the little language: layers, channels, classes, probabilities, directions, and their sums.
    objective : Objective, optional
        Composed in Python, instead of `layer`.
    mask : array, optional
        ``(time, inline, crossline)``, 0 where nothing may change to 1 where all may.
    survey : DataArray, optional
        A cube whose spectrum, band or wavelet is measured in the place of this one's.
    on_step : callable, optional
        Called after each step with how many are done, of how many, and the score before it.
    **settings
        Any setting of `DreamSettings` but those for sections alone; by default as many octaves as fit, three at most.
        All parameterizations work.

    Returns
    -------
    Dataset
        On the cube's coordinates ``(time, inline, crossline)``: ``dream`` in the cube's units, and where reflectivity
        or rock is free ``reflectivity``, ``impedance``, ``vp`` and ``density``. The recipe is in its attributes.

    Raises
    ------
    SeisdreamError
        If the network looks at sections, a setting is for sections alone, or a step gives what is not finite.

    Examples
    --------
    >>> cube = make_earth(3, n_samples=64, n_inlines=32, n_traces=48).seismic  # doctest: +SKIP
    >>> dream_cube(cube, "cubes.safetensors", "class:salt", parameterization="phase").dream  # doctest: +SKIP
    """
    if not isinstance(network, Network):
        network = load_network(network)
    cube = make_cube(cube, dt_ms=settings.pop("dt_ms", None))
    survey = None if survey is None else make_cube(survey)
    recipe = DreamSettings.from_dict({"layer": layer, **settings})
    return run_recipe(recipe, cube, network, objective=objective, mask=mask, survey=survey, on_step=on_step)


def run_recipe(
    recipe: DreamSettings,
    cube: xr.DataArray,
    network: Network,
    *,
    objective: Objective | None = None,
    mask: np.ndarray | None = None,
    survey: xr.DataArray | None = None,
    mapping: GreyMapping | None = None,
    on_step: Callable[[int, int, float], None] = lambda n_done, n_steps, score: None,
) -> xr.Dataset:
    """Dream on a cube, as `make_cube` labels it, by a recipe and its own or another grey mapping; else `dream_cube`."""
    if network.n_spatial_dims != 3:
        raise SeisdreamError(
            f"{network.name} looks at sections; dream on the lines of a cube one by one, or use a network for cubes "
            "(n_dims 3)."
        )
    recipe, terms = _settle(recipe, cube, network, objective, survey)
    weight = None if mask is None else _checked(mask, cube)
    look = _Look(recipe, network, terms)
    mapping = mapping or GreyMapping.of(traces_of(cube), recipe.percentile)
    start = torch.from_numpy(cube.values.copy())[None, None].to(recipe.device)
    sizes = octave_sizes(cube.shape, recipe.octaves or 1, _scales(recipe))
    found: dict[str, Any] = {}
    n_done, n_steps = 0, len(sizes) * recipe.steps
    if recipe.parameterization == "pixel":
        free = None if weight is None else torch.from_numpy(weight)[None, None].to(start)
        change = torch.zeros_like(start)
        for score, so_far in _pixel_steps(recipe, look, mapping, start, sizes, free):
            change = so_far
            n_done += 1
            on_step(n_done, n_steps, score)
        change = resize(change, sizes[-1])
        change = change if free is None else change * (free > 0)
        dreamed = start + change * float(mapping.units_per_grey)
    else:
        climb = ParameterizedAscent(
            begin_parameterization(recipe, cube, start, weight, survey), mapping, clip=recipe.clip,
            weight=None if weight is None else torch.from_numpy(weight),
        )  # fmt: skip
        for size in sizes:
            for _ in range(recipe.steps):
                score = climb.step(look, size, recipe.step_size)
                _check_finite(climb.free, score)
                n_done += 1
                on_step(n_done, n_steps, score)
        dreamed = climb.section()
        for name, one in climb.byproducts().items():
            found[name] = (cube.dims, one.values, {"units": one.units, "long_name": one.long_name})
    found["dream"] = (cube.dims, dreamed[0, 0].detach().cpu().numpy().astype(np.float32), cube.attrs)
    return xr.Dataset(found, cube.coords, {"recipe": recipe.to_json()})


class _Look:
    """The score of a cube from a shifted place, and its gradient."""

    def __init__(self, recipe: DreamSettings, network: Network, terms: tuple[Term, ...]):
        self._jitter, self._edges = recipe.jitter, recipe.edges or "mirror"
        self._gradient = Gradient(network.prepared(recipe.device, recipe.precision), terms)
        self._random = np.random.default_rng(recipe.seed)

    def __call__(self, picture: torch.Tensor) -> tuple[float, torch.Tensor]:
        offsets = self._random.integers(-self._jitter, self._jitter + 1, 3).tolist()
        shift = Jitter(tuple(offsets), self._edges)
        score, uphill = self._gradient(shift.look(picture))
        return score, shift.adjoint(uphill)


def _pixel_steps(
    recipe: DreamSettings,
    look: _Look,
    mapping: GreyMapping,
    start: torch.Tensor,
    sizes: list,
    free: torch.Tensor | None,
) -> Iterator[tuple[float, torch.Tensor]]:
    """Yield after each step the score before it, and the change so far in grey levels, at the octave's size."""
    grey = (start - mapping.low) / mapping.units_per_grey
    grey = grey.clamp(0.0, 255.0) if recipe.clip else grey
    detail = torch.zeros_like(grey)
    for base in build_octaves(grey, sizes):
        size = tuple(base.shape[2:])
        picture = base + resize(detail, size)
        mask = None if free is None else resize(free, size)
        for _ in range(recipe.steps):
            score, uphill = look(picture)
            picture = gradient_ascent_step(picture, uphill, recipe.step_size, mask=mask, clip=recipe.clip)
            _check_finite(picture, score)
            yield score, picture - base
        detail = picture - base


def _settle(
    recipe: DreamSettings,
    cube: xr.DataArray,
    network: Network,
    objective: Objective | None,
    survey: xr.DataArray | None,
) -> tuple[DreamSettings, tuple[Term, ...]]:
    unlike = [name for name in _FOR_SECTIONS if getattr(recipe, name)]
    unlike += [name for name, is_there in (("levels", recipe.levels != 1), ("colour", recipe.colour)) if is_there]
    if unlike:
        raise SeisdreamError(f"{', '.join(unlike)}: for sections alone; leave out, or dream on the lines one by one.")
    if objective is not None and recipe.layer is not None:
        raise SeisdreamError(f"Got an objective and the layer '{recipe.layer}'; give one of them.")
    asked = objective or parse_objective(recipe.layer or network.default_layer)
    terms = bind_objective(asked, network)
    for term in terms:
        if not term.layer or isinstance(term, Neuron) or type(term).scores is Term.scores:
            raise SeisdreamError(f"'{term}' is for sections alone; ask for a layer, a channel, a class or a direction.")
    octaves = recipe.octaves or most_octaves(cube.shape, _OCTAVES, _scales(recipe), _SMALLEST)
    check_octaves(cube.shape, octaves, _scales(recipe), _SMALLEST)
    device = resolve_device(recipe.device)
    # torch 2.13 does not pool cubes in bfloat16 on a CPU.
    precision = "float32" if device == "cpu" and recipe.precision == "auto" else recipe.precision
    recipe = replace(
        recipe, layer=str(asked), octaves=octaves, edges=recipe.edges or "mirror", device=device,
        precision=resolve_precision(precision, device),
        jitter=min(recipe.jitter, min(cube.shape) // 4),
    )  # fmt: skip
    return resolve_parameterization(recipe, cube, survey), terms


def _scales(recipe: DreamSettings) -> tuple[float, float, float]:
    down, across = recipe.octave_scales
    return down, across, across


def _checked(mask: np.ndarray, cube: xr.DataArray) -> np.ndarray:
    weight = np.asarray(mask, np.float32)
    if weight.shape != cube.shape or not (weight.min() >= 0.0 and weight.max() <= 1.0):
        raise SeisdreamError(
            f"A mask holds 0 (keep) to 1 (free to change) for each sample of the cube {cube.shape}; got {weight.shape} "
            f"from {weight.min():g} to {weight.max():g}."
        )
    return weight


def _check_finite(values: torch.Tensor, score: float) -> None:
    if not (np.isfinite(score) and bool(torch.isfinite(values).all())):
        raise SeisdreamError(
            f"A step gave a score of {score:g} and a cube that is not finite; use precision float32, or look for "
            "extreme amplitudes."
        )
