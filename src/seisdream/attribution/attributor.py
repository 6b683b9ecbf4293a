"""A target on a section, prepared to be explained for a network and for others of the same architecture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import xarray as xr

from seisdream.attribution.baselines import N_NOISE_BASELINES, make_baselines
from seisdream.attribution.grad_cam import grad_cam, resolve_cam_layer
from seisdream.attribution.integrated_gradients import integrated_gradients
from seisdream.attribution.lrp import LayerwiseRelevance
from seisdream.attribution.occlusion import fit_patch, n_patches, occlusion
from seisdream.attribution.randomization_test import RandomizationTest
from seisdream.attribution.settings import AttributionSettings
from seisdream.attribution.target import (
    Target,
    bind_target,
    most_probable_class,
    note_on_prediction,
    point_mask,
    unit_weights,
)
from seisdream.dreaming.objectives.terms import Objective
from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.inference.network_input import network_input, notes_on_input
from seisdream.inference.surroundings import Surroundings
from seisdream.inference.tiling import AUTO_TILE_THRESHOLD, check_tiles, receptive_halo
from seisdream.io.masks import check_mask
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.provenance import make_provenance
from seisdream.results.attribution_result import AttributionResult
from seisdream.seismic.sections import GreyMapping, absent_samples, check_section, describe_absent

# Images that are computed at once on a GPU; on a CPU more than one at a time gains nothing.
_GPU_BATCH = 8
_METHODS_WITH_BASELINE = ("integrated-gradients", "occlusion")
_METHOD_SETTINGS = ("baseline", "patch", "stride", "cam_layer", "gamma")


class Attributor:
    """A target on a section, prepared to be explained for a network and for others of the same architecture.

    Parameters
    ----------
    section, network, target, at, target_mask
        As for `seisdream.attribute`, the network loaded.
    settings : AttributionSettings, optional
        All settings.
    on_forward : callable, optional
        Called with the number of images after each forward pass.
    mapping : GreyMapping, optional
        The amplitudes that become black and white, instead of the section's percentile.
    around : Surroundings, optional
        The volume that the section is from; by default found in the file that it was opened from.

    Attributes
    ----------
    target : Target
        What is explained.
    target_mask : DataArray or None
        Where, ``(time, trace)``.
    settings : AttributionSettings
        With device and defaults of the method resolved.
    notes : list of str
        What limits the attribution, a sentence each.
    window : tuple of (int, int)
        Rows and columns of the section, half-open, that the score can depend on. Outside, the map is 0.

    Raises
    ------
    SeisdreamError
        If captum is not installed (``missing-extra``), or target, section, network and method do not go together.
    """

    _WINDOW: ClassVar[tuple[str, ...]] = ("window_rows", "window_columns")

    def __init__(
        self,
        section: xr.DataArray,
        network: Network,
        target: str | Objective | None = None,
        *,
        at: Sequence[float] | None = None,
        target_mask: xr.DataArray | None = None,
        settings: AttributionSettings | None = None,
        on_forward: Callable[[int], object] = lambda _: None,
        mapping: GreyMapping | None = None,
        around: Surroundings | None = None,
    ) -> None:
        require_extra("captum.attr", "attribution", "Attribution")  # Before the network runs; every method needs it.
        settings = settings or AttributionSettings()
        device = resolve_device(settings.device, network)
        self._on_forward, self._device, self.network, self._around = on_forward, device, network, around
        self.section = self._open(section, settings)
        self._mapping = mapping or self._mapping
        if at is not None and target_mask is not None:
            raise SeisdreamError("`at` and `target_mask` exclude each other; give one of them.", code="incompatible")
        self._at = at
        self.target_mask = point_mask(at, self.section) if at is not None else target_mask
        if target_mask is not None:
            check_mask(target_mask, section, "target_mask", may_be_empty=False)
        self._prepared, image = self._bind(network)
        self._image = network.preprocessing.clip(image)
        self.window = tuple((0, n_samples) for n_samples in _size(self._image))
        bound = None if target is None else bind_target(target, network)
        self._narrow(network.class_layer if bound is None else bound.layer, settings.method)
        self.target = bound or self._most_probable_class()
        self.settings = self._resolve(settings.replace(device=device))
        self.notes = self._notes()
        activations = self._record(self.target.layer)
        self._units = self._unit_weights(self.target.layer, activations)
        if note := note_on_prediction(self.network, self.target, activations, self._units):
            self.notes.append(note)
        self._window_units = self._units
        if self.target_mask is not None and self._window_size == _size(self._image):
            self._crop(self._score_of(activations, self._units))

    def _open(self, section: xr.DataArray, settings: AttributionSettings) -> xr.DataArray:
        """Check the input, measure its grey mapping and find its absent samples; return it."""
        check_section(section)
        self._mapping = GreyMapping.of(section, settings.percentile)
        self._absent = absent_samples(section)
        return section

    def __call__(self, network: Network | None = None) -> xr.DataArray:
        """Return the attribution for the network, or for another of the same architecture, without its provenance."""
        prepared = self._prepared if network is None else self._bind(network)[0]
        network = network or self.network
        image = self._in_window(self._image)
        with prepared.exactly():
            map_, info = self._compute(network, prepared, image)
            with torch.no_grad():
                info["score"] = float(self._score(prepared)(image))
        whole = np.zeros(self._absent.shape, np.float32)
        values = map_.detach().cpu().numpy().astype(np.float32)
        if values.shape == whole.shape:
            whole[:] = values
        else:
            whole[tuple(slice(*span) for span in self.window)] = values
        info["attributed"] = float(whole[~self._absent].sum(dtype=np.float64))
        whole[self._absent] = np.nan
        dims = [str(dim) for dim in self.section.dims[: whole.ndim]]
        coords = {name: coord for name, coord in self.section.coords.items() if set(coord.dims) <= set(dims)}
        return xr.DataArray(whole, coords, dims, "attribution", self._attrs(network) | info)

    def result(self, attribution: xr.DataArray, randomization: RandomizationTest | None = None) -> AttributionResult:
        """Return an attribution with its provenance, to be saved or plotted.

        Parameters
        ----------
        attribution : DataArray
            As this attributor returned it.
        randomization : RandomizationTest, optional
            The test of the attribution on random weights.
        """
        return AttributionResult(
            attribution.to_dataset(name="attribution"),
            self.provenance(attribution),
            self.notes,
            self.section,
            target_mask=self.target_mask,
            randomization=randomization,
        )

    def provenance(self, attribution: xr.DataArray) -> dict[str, Any]:
        """Return the provenance of an attribution that this attributor returned."""
        return make_provenance(
            kind="attribution",
            settings=self.settings,
            section=self.section,
            network=self.network,
            others={"target_mask": self.target_mask},
            grey_mapping=self._mapping,
            result=self._record_of(attribution),
            notes=self.notes,
        )

    def _record_of(self, attribution: xr.DataArray) -> dict[str, Any]:
        """Return what the provenance says of an attribution."""
        numbers = ("score", "baseline_score", "attributed", "steps", "completeness_error")
        attrs = attribution.attrs
        return {
            "target": attrs["target"],
            "layer": attrs["layer"],
            "target_score": attrs["target_score"],
            "at": None if self._at is None else [float(one) for one in self._at],
            "target_mask": None if self.target_mask is None else self.target_mask.attrs.get("source"),
            **{name: list(attrs[name]) for name in self._WINDOW},
            **{name: attrs[name] for name in numbers if name in attrs},
        }

    @property
    def target_score(self) -> str:
        """What is explained of the target: "logit", "probability" or "activation"."""
        return self.settings.score if self.target.layer == self.network.class_layer else "activation"

    @property
    def n_forward(self) -> int:
        """About how many images one attribution computes, for a progress bar."""
        settings = self.settings
        n_baselines = N_NOISE_BASELINES if settings.baseline == "noise" else 1
        if settings.method == "integrated-gradients":
            return settings.steps_or_default * n_baselines
        if settings.method == "occlusion":
            return (n_patches(self._window_size, *self._patch()) + 1) * n_baselines
        return 5 if settings.method == "lrp" else 1

    def _compute(
        self, network: Network, prepared: PreparedNetwork, image: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """Return the map ``(row, column)``, of the window or of the whole section, and numbers about it."""
        settings = self.settings
        batch = 1 if settings.device == "cpu" else _GPU_BATCH
        if settings.method == "grad-cam":
            assert settings.cam_layer is not None
            # Of the whole section, because the method shows what is similar to the target elsewhere.
            return grad_cam(self._score(prepared, is_whole=True), prepared, settings.cam_layer, self._image), {}
        if settings.method == "lrp":
            relevance = LayerwiseRelevance(network, self.target, settings.gamma_or_default)
            return relevance(prepared.normalised(image.detach().cpu().double()), self._window_units, self._on_forward)[
                0
            ].sum(0), {}
        # Of the whole section, so that a sample has the same baseline for every target.
        clip = network.preprocessing.is_fixed
        baselines = make_baselines(self._image, settings.baseline_or_default, settings.seed, clip=clip)
        baselines = [self._in_window(baseline).contiguous() for baseline in baselines]
        if settings.method == "occlusion":
            map_, info = occlusion(self._score(prepared), image, baselines, *self._patch(), batch=batch)
        else:
            map_, info = integrated_gradients(
                self._score(prepared),
                image,
                baselines,
                steps=settings.steps,
                default_steps=settings.steps_or_default,
                # Only the map of the network itself must be complete.
                is_refined=network is self.network,
                batch=batch,
            )
        return map_[0].sum(0), info

    def _bind(self, network: Network) -> tuple[PreparedNetwork, torch.Tensor]:
        """Return a network that normalises baselines and windows as it does the section, and the section for it."""
        prepared = PreparedNetwork(network, self._device, "float32")
        return network_input(prepared, self.section, self._mapping, self._around, device=self._device)

    def _score(self, prepared: PreparedNetwork, *, is_whole: bool = False) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the function that is explained: from images of the window, or of the whole section, to scores."""
        units = self._units if is_whole else self._window_units

        def score(images: torch.Tensor) -> torch.Tensor:
            activations = prepared.record(images, (self.target.layer,))[self.target.layer]
            self._on_forward(len(images))
            return self._score_of(activations, units)

        return score

    def _score_of(self, activations: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
        is_probability = self.settings.score == "probability"
        activations = activations.float()
        if is_probability:
            activations = self.network.class_probabilities(activations)
        return (self.target.of(activations) * units.to(activations.device)).flatten(1).sum(1)

    def _record(self, layer: str, image: torch.Tensor | None = None) -> torch.Tensor:
        with torch.no_grad():
            return self._prepared.record(self._in_window(self._image) if image is None else image, (layer,))[layer]

    def _unit_weights(self, layer: str, activations: torch.Tensor) -> torch.Tensor:
        mask = self.target_mask
        if mask is not None:
            mask = mask[tuple(slice(*span) for span in self.window)]
        return torch.from_numpy(unit_weights(self.network.layer(layer), _size(activations), mask, self._window_size))

    def _in_window(self, image: torch.Tensor) -> torch.Tensor:
        return image[(..., *(slice(*span) for span in self.window))]

    @property
    def _window_size(self) -> tuple[int, ...]:
        return tuple(stop - first for first, stop in self.window)

    def _patch(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return fit_patch(self.settings, _size(self._image), self._window_size)

    def _most_probable_class(self) -> Target:
        layer = self.network.class_layer
        if layer is None:
            raise SeisdreamError(
                f"{self.network.name} has no classes; give a `target` such as LAYER:CHANNEL (seisdream layers "
                f"{self.network.name}).",
                code="missing-argument",
                option="target",
            )
        logits = self._record(layer)
        return most_probable_class(self.network, logits, self._unit_weights(layer, logits))

    def _resolve(self, settings: AttributionSettings) -> AttributionSettings:
        is_class = self.target.layer == self.network.class_layer
        if settings.score == "probability" and not is_class:
            raise SeisdreamError(
                f"`score=probability` needs a class, and '{self.target.text}' is none; leave out `score`.",
                code="incompatible",
                option="score",
            )
        if settings.score == "probability" and settings.method == "lrp":
            raise SeisdreamError(
                "LRP has no rule for probabilities, so it explains logits only; leave out `score`.",
                code="incompatible",
                option="score",
            )
        layers = (self.target.layer,)
        is_fitted = settings.method == "grad-cam" and self.network.note_on_size(_size(self._image), layers)
        sides = self.network.sides_up_to(layers) if is_fitted else None
        if sides is not None and sides.fixed is not None:
            raise SeisdreamError(
                f"Grad-CAM needs the whole input at once, and {self.network.name} takes windows of "
                f"{' × '.join(map(str, sides.fixed))} samples; use `method=integrated-gradients`, or cut the input.",
                code="not-supported",
                option="method",
            )
        defaults: dict[str, Any] = {}
        if settings.method in _METHODS_WITH_BASELINE:
            defaults["baseline"] = settings.baseline_or_default
        if settings.method == "occlusion":
            size = _size(self._image)
            defaults["patch"], defaults["stride"] = fit_patch(settings, size, size)
        if settings.method == "grad-cam":
            defaults["cam_layer"] = resolve_cam_layer(self.network, self.target.layer, settings.cam_layer)
        if settings.method == "lrp":
            defaults["gamma"] = settings.gamma_or_default
        return settings.replace(**defaults)

    def _notes(self) -> list[str]:
        is_of_class = self.network.survey and self.target.layer == self.network.class_layer
        notes = [
            describe_absent(self.section),
            *notes_on_input(self.network, self.section, self._around, (self.target.layer,)),
            self.network.out_of_domain_reason(self.section) if is_of_class else None,
        ]
        if self.target_mask is None:
            notes.append("The score is the mean over the whole section; explain a point or a part of it with `at` or "
                         "`target_mask`.")  # fmt: skip
        return [note for note in notes if note]

    def _narrow(self, layer: str | None, method: str) -> None:
        """Narrow `window` to what a point or region of a large section depends on; the whole is not computed for it."""
        size, mask = _size(self._image), self.target_mask
        # Grad-CAM shows what is similar to the target elsewhere.
        if layer is None or mask is None or method == "grad-cam" or len(size) != 2:
            return
        if math.prod(size) <= AUTO_TILE_THRESHOLD:
            return
        try:
            halo = receptive_halo(self.network, (layer,))
            check_tiles(self.network, (layer,), (size,), halo, self._device)
        except SeisdreamError:
            return
        window = []
        for axis, (alignment, reach) in enumerate(zip(halo.alignment, halo.halo, strict=True)):
            used = np.flatnonzero(mask.values.any(1 - axis))
            first = int(used[0]) // alignment * alignment - reach
            stop = math.ceil((int(used[-1]) + 1) / alignment) * alignment + reach
            window.append((max(0, first), min(size[axis], stop)))
        self.window = tuple(window)

    def _crop(self, score: torch.Tensor) -> None:
        """Narrow `window` to what the score can depend on, if the network gives the same there as on the whole."""
        try:
            halo = receptive_halo(self.network, (self.target.layer,))
        except SeisdreamError:
            return
        strides = self.network.layer(self.target.layer).stride
        assert strides is not None
        window, units = [], []
        n_axes = self._units.ndim
        for axis in range(n_axes):
            others = tuple(other for other in range(n_axes) if other != axis)
            used = np.flatnonzero(self._units.numpy().any(axis=others))
            stride, alignment, reach = round(strides[axis]), halo.alignment[axis], halo.halo[axis]
            first = max(0, int(used[0]) * stride // alignment * alignment - reach)
            stop = math.ceil((int(used[-1]) + 1) * stride / alignment) * alignment + reach
            window.append((first, min(self._image.shape[axis + 2], stop)))
            units.append(slice(first // stride, None))
        part = self._image[(..., *(slice(*span) for span in window))]
        activations = self._record(self.target.layer, part)
        shape = _size(activations)
        weights = self._units[tuple(units)][tuple(slice(count) for count in shape)]
        if tuple(weights.shape) != shape or not torch.isclose(weights.sum(), torch.tensor(1.0), atol=1e-4):
            return
        # What a network does between its layers cannot be read from its layers, so it is tried.
        tolerance = 1e-4 * float(activations.float().std().clamp_min(1e-12))
        if abs(float(self._score_of(activations, weights) - score)) <= tolerance:
            self.window, self._window_units = tuple(window), weights.contiguous()

    def _attrs(self, network: Network) -> dict[str, Any]:
        settings = self.settings
        used = {name: getattr(settings, name) for name in _METHOD_SETTINGS if getattr(settings, name) is not None}
        if settings.baseline == "noise":
            used["seed"] = settings.seed
        return {
            "network": network.name,
            "network_sha256": network.sha256,
            "layer": self.target.layer,
            "target": self.target.text,
            "target_score": self.target_score,
            "method": settings.method,
            **used,
            "percentile": settings.percentile,
            "device": settings.device,
            "grey_low": self._mapping.low,
            "grey_high": self._mapping.high,
            **dict(zip(self._WINDOW, self.window, strict=True)),
        }


def _size(tensor: torch.Tensor) -> tuple[int, ...]:
    """Return the space of ``(batch, channel, *space)``."""
    return tuple(tensor.shape[2:])
