"""What in a section makes a network say what it says, at a point or in a region: attribution, by Captum.

Captum (Kokhlikyan and others 2020) does the attributing. Here a section and a question about it become what Captum
asks for, and its answers come back on the section's own grid.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from seisdream.attribution.baselines import N_DRAWS, make_baselines
from seisdream.attribution.lrp import Relevance
from seisdream.attribution.settings import AttributionSettings
from seisdream.attribution.target import Target, bind_target, place_point, weigh_units
from seisdream.dreaming.objectives.terms import ClassLogit, Objective
from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import to_image_tensor
from seisdream.inference.tiling import Size, receptive_halo
from seisdream.io.masks import check_mask
from seisdream.models.layers import LayerInfo
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.seismic.sections import GreyMapping, check_section, describe_muted, fill_absent

COMPLETE = 0.01
"""How far, of the score's change, integrated gradients may miss it before that is warned of."""
_MOST_STEPS = 512
# The way is integrated in so many parts; the one that misses most is halved, until together they add up.
_N_PARTS = 4
# Grad-CAM weighs the last layer with units this many samples apart or more, where there is one.
_COARSE = 8
# Pictures that are looked at in one go on a GPU; on a CPU more than one at a time gains nothing.
_BATCH = 8


def attribute_section(
    section: xr.DataArray,
    network: Network,
    target: str | Objective | None = None,
    *,
    at: Sequence[float] | None = None,
    region: xr.DataArray | None = None,
    **settings: Any,
) -> xr.DataArray:
    """Tell which samples of a section make a network say what it says at a place.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture.
    network : Network
        From `seisdream.load_network`.
    target : str or Objective, optional
        What is asked about: ``class:salt``, a channel ``enc5:12``, or a weighted sum of such of one layer,
        ``class:salt - class:divergent``. By default the class that is most probable at the place.
    at : (float, float), optional
        A point: horizontal and vertical coordinate in the section's own numbers (crossline and ms).
    region : DataArray, optional
        ``(time, trace)``, 0 to 1, as `seisdream.io.masks.open_mask` gives it; the score is the mean over it. With
        neither, the mean over the whole section.
    **settings
        The fields of `seisdream.attribution.settings.AttributionSettings`: ``method`` (``integrated-gradients``,
        ``grad-cam``, ``occlusion``, ``lrp``), ``score``, ``baseline``, ``steps``, ``patch``, ``stride``,
        ``cam_layer``, ``gamma``, ``seed``, ``percentile``, ``device``.

    Returns
    -------
    DataArray
        ``(time, trace)`` float32 on the section's grid, NaN where it is absent. Positive samples speak for the target.

        - integrated gradients (Sundararajan, Taly and Yan 2017): each sample's part in the score's change from the
          baseline to the section;
        - Grad-CAM (Selvaraju and others 2017; over a region, Vinogradova and others 2020): channels of a deep layer
          by their mean gradient, with sign, interpolated between units;
        - occlusion (Zeiler and Fergus 2014): by how much the score falls where a window is hidden, a mean over the
          windows that hide a sample;
        - LRP (Bach and others 2015): each sample's share of the score.

        Attributes say what was asked, ``score`` and ``baseline_score``, and ``attributed``, the sum of the map.

    Raises
    ------
    SeisdreamError
        If the question does not fit the network or the section, or the method does not fit the network.

    Examples
    --------
    >>> attribute_section(section, load_network("facies"), "class:salt", at=(860, 1660))  # doctest: +SKIP
    """
    return Attributor(section, network, target, at=at, region=region, settings=AttributionSettings(**settings))()


class Attributor:
    """A question about a section, made ready to be put to a network and to others of its architecture.

    Parameters
    ----------
    section, network, target, at, region
        As for `attribute_section`.
    settings : AttributionSettings, optional
        How the answer is found.
    on_look : callable, optional
        Called with a number of pictures after each look at them.

    Attributes
    ----------
    target : Target
        What is asked about.
    region : DataArray or None
        Where, ``(time, trace)``.
    settings : AttributionSettings
        With the device, and the layer of Grad-CAM, settled.
    notes : list of str
        What should be known of the answer: a sentence each.
    window : ((int, int), (int, int))
        Rows and columns of the section, half-open, that the score can depend on. Outside, the map is 0.

    Raises
    ------
    SeisdreamError
        If the question does not fit the network or the section.
    """

    def __init__(
        self,
        section: xr.DataArray,
        network: Network,
        target: str | Objective | None = None,
        *,
        at: Sequence[float] | None = None,
        region: xr.DataArray | None = None,
        settings: AttributionSettings | None = None,
        on_look: Callable[[int], object] = lambda _: None,
    ) -> None:
        settings = settings or AttributionSettings()
        check_section(section)
        if at is not None and region is not None:
            raise SeisdreamError("Got a point and a region; ask about one of them (--at or --region).")
        self.section, self.network = section, network
        self.settings = settings.replace(device=resolve_device(settings.device))
        self.region = place_point(at, section) if at is not None else region
        if self.region is not None:
            check_mask(self.region, section, "region", may_be_empty=False)
        self._on_look = on_look
        self._mapping = GreyMapping.of(section, settings.percentile)
        values, self._absent = fill_absent(section)
        self._picture = to_image_tensor(self._mapping.to_grey(values), device=self.settings.device)
        self._prepared = network.prepared(self.settings.device, "float32")
        self.target = self._default_target() if target is None else bind_target(target, network)
        self._check_score()
        self.notes = [note for note in (describe_muted(section), self._why_foreign()) if note]
        if self.region is None:
            self.notes.append(
                "Asking about the whole section at once; ask about one point with --at, or a part with --region."
            )
        if settings.method == "grad-cam":
            self.settings = self.settings.replace(cam_layer=self._settle_cam_layer())
        info = network.layer(self.target.layer)
        said = self._say(self.target.layer)
        self._units = torch.from_numpy(weigh_units(info, _size_of(said), self.region, _size_of(self._picture)))
        self.window = (0, self._picture.shape[-2]), (0, self._picture.shape[-1])
        self._crop(info, self._score_of(said, self._units))

    def __call__(self, network: Network | None = None) -> xr.DataArray:
        """Return what `attribute_section` does, of the network or of another of the same architecture."""
        prepared = self._prepared if network is None else network.prepared(self.settings.device, "float32")
        network = network or self.network
        method = {
            "integrated-gradients": self._integrate,
            "grad-cam": self._weigh_channels,
            "occlusion": self._occlude,
            "lrp": self._propagate,
        }[self.settings.method]
        seen = self._picture[..., slice(*self.window[0]), slice(*self.window[1])]
        with prepared.exactly():
            map_, story = method(network, prepared, seen)
            with torch.no_grad():
                story["score"] = float(self._ask(prepared)(seen))
        whole = np.zeros(self.section.shape[:2], np.float32)
        if map_.shape == whole.shape:
            whole[:] = map_
        else:
            whole[slice(*self.window[0]), slice(*self.window[1])] = map_
        story["attributed"] = float(whole[~self._absent].sum(dtype=np.float64))
        whole[self._absent] = np.nan
        return self._as_array(whole, network, story)

    @property
    def n_looks(self) -> int:
        """How many pictures one attribution looks at, near enough for a progress bar."""
        settings = self.settings
        n_baselines = N_DRAWS if settings.baseline == "noise" else 1
        if settings.method == "integrated-gradients":
            return settings.steps_or_default * n_baselines
        if settings.method == "occlusion":
            sides = [stop - first for first, stop in self.window]
            window, stride = self._fitting_window(sides)
            counts = [math.ceil((n - w) / s) + 1 for n, w, s in zip(sides, window, stride, strict=True)]
            return (counts[0] * counts[1] + 1) * n_baselines
        return 5 if settings.method == "lrp" else 1

    def _integrate(self, network: Network, prepared: PreparedNetwork, seen: torch.Tensor) -> tuple[NDArray, dict]:
        """Integrate the gradient on the way from the baseline; where that misses the score's change, more finely."""
        ask, baselines = self._ask(prepared), self._baselines(seen)
        # A stand-in with random weights is looked at as often as is usual: only the network's own answer must be exact.
        steps, is_own = self.settings.steps, network is self.network
        ends = np.linspace(0.0, 1.0, 2 if steps else _N_PARTS + 1).tolist()
        n_looks = steps or self.settings.steps_or_default // _N_PARTS
        parts = [self._part(ask, seen, one, *way, n_looks) for one in baselines for way in pairwise(ends)]
        change = sum(part.change for part in parts) / len(baselines)

        def missed() -> float:
            return abs(sum(part.missed for part in parts)) / len(baselines) / max(abs(change), 1e-12)

        most = _MOST_STEPS * len(baselines)
        while is_own and not steps and missed() > COMPLETE and n_looks * (len(parts) + 1) <= most:
            worst = max(parts, key=lambda part: abs(part.missed))
            parts.remove(worst)
            middle = 0.5 * (worst.first + worst.last)
            halves = ((worst.first, middle), (middle, worst.last))
            parts += [self._part(ask, seen, worst.baseline, *half, n_looks) for half in halves]
        error = missed()
        if error > COMPLETE and is_own:
            warnings.warn(
                f"Integrated gradients add up to the score's change ({change:.3g}) only to {error:.1%}; take more "
                f"than {n_looks * len(parts) // len(baselines)} steps (--steps).",
                stacklevel=3,
            )
        with torch.no_grad():
            start = sum(float(ask(baseline)) for baseline in baselines) / len(baselines)
        map_ = _flat(torch.stack([part.map for part in parts]).sum(0) / len(baselines))
        return map_, {"steps": n_looks * len(parts) // len(baselines), "baseline_score": start,
                      "completeness_error": error}  # fmt: skip

    def _part(
        self,
        ask: Callable[[torch.Tensor], torch.Tensor],
        seen: torch.Tensor,
        baseline: torch.Tensor,
        first: float,
        last: float,
        n_looks: int,
    ) -> _Part:
        from captum.attr import IntegratedGradients

        low, high = (baseline + share * (seen - baseline) for share in (first, last))
        map_ = IntegratedGradients(ask).attribute(high, low, n_steps=n_looks, internal_batch_size=self._batch)
        with torch.no_grad():
            change = float(ask(high)) - float(ask(low))
        return _Part(baseline, first, last, map_, change)

    def _occlude(self, network: Network, prepared: PreparedNetwork, seen: torch.Tensor) -> tuple[NDArray, dict]:
        from captum.attr import Occlusion

        ask = self._ask(prepared)
        window, stride = self._fitting_window(_size_of(seen))
        n_channels = seen.shape[1]
        method, total, start = Occlusion(ask), torch.zeros_like(seen), 0.0
        baselines = self._baselines(seen)
        with torch.no_grad():
            for baseline in baselines:
                total += method.attribute(
                    seen,
                    sliding_window_shapes=(n_channels, *window),
                    strides=(n_channels, *stride),
                    baselines=baseline,
                    perturbations_per_eval=self._batch,
                ) / len(baselines)
                start += float(ask(baseline)) / len(baselines)
        # A window hides all colours of a sample at once, and Captum tells each of them the same.
        return _flat(total) / n_channels, {"baseline_score": start}

    def _weigh_channels(self, network: Network, prepared: PreparedNetwork, seen: torch.Tensor) -> tuple[NDArray, dict]:
        from captum.attr import LayerGradCam

        name = self.settings.cam_layer
        assert name is not None
        # Of the whole section: what is like the place elsewhere is what this method shows.
        score = self._ask(prepared, is_whole=True)
        picture = self._picture.detach().clone().requires_grad_()
        try:
            said = LayerGradCam(score, prepared.module.get_submodule(name)).attribute(picture)
        except (RuntimeError, AssertionError, KeyError, IndexError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SeisdreamError(
                f"Grad-CAM cannot weigh '{name}' for '{self.target.text}': {reason.rstrip('.')}. Choose another layer "
                f"(--cam-layer, seisdream layers {network.name})."
            ) from error
        assert isinstance(said, torch.Tensor)
        return _on_samples(said[0, 0].detach().cpu().numpy(), network.layer(name), _size_of(self._picture)), {}

    def _propagate(self, network: Network, prepared: PreparedNetwork, seen: torch.Tensor) -> tuple[NDArray, dict]:
        relevance = Relevance(network, self.target, self.settings.gamma_or_default)
        return _flat(relevance(seen, self._seen_units, self._on_look)), {}

    def _ask(self, prepared: PreparedNetwork, *, is_whole: bool = False) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return what Captum explains: scores ``(batch,)`` of pictures ``(batch, channel, row, column)``."""
        units = self._units if is_whole else self._seen_units

        def ask(pictures: torch.Tensor) -> torch.Tensor:
            said = prepared.record(pictures, (self.target.layer,))[self.target.layer]
            self._on_look(len(pictures))
            return self._score_of(said, units)

        return ask

    def _score_of(self, said: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
        said = said.float().softmax(1) if self.settings.score == "probability" else said.float()
        return (self.target.of(said) * units.to(said.device)).sum((1, 2))

    def _say(self, layer: str) -> torch.Tensor:
        with torch.no_grad():
            return self._prepared.record(self._picture, (layer,))[layer]

    def _baselines(self, seen: torch.Tensor) -> list[torch.Tensor]:
        # Of the whole section, so that the same samples have the same baseline whatever is asked.
        wholes = make_baselines(self._picture, self.settings.baseline_or_default, self.settings.seed)
        return [whole[..., slice(*self.window[0]), slice(*self.window[1])].contiguous() for whole in wholes]

    def _fitting_window(self, sides: Sequence[int]) -> tuple[Size, Size]:
        window, stride = self.settings.patch_or_default, self.settings.stride_or_default
        for side, long in zip(self.section.shape[:2], window, strict=True):
            if self.settings.patch and long > side:
                raise SeisdreamError(
                    f"A window of {window[0]}x{window[1]} samples is larger than the section ({self.section.shape[0]}x"
                    f"{self.section.shape[1]}); choose a smaller one (--window)."
                )
        window = min(window[0], sides[0]), min(window[1], sides[1])
        return window, (min(stride[0], window[0]), min(stride[1], window[1]))

    @property
    def _batch(self) -> int:
        return 1 if self.settings.device == "cpu" else _BATCH

    def _why_foreign(self) -> str | None:
        is_of_class = self.network.survey and self.target.layer == self.network.class_layer
        return self.network.out_of_domain_reason(self.section) if is_of_class else None

    def _default_target(self) -> Target:
        network, layer = self.network, self.network.class_layer
        if layer is None:
            raise SeisdreamError(
                f"{network.name} has no classes; name what is asked about (--layer LAYER:CHANNEL, seisdream layers "
                f"{network.name})."
            )
        said = self._say(layer)
        units = weigh_units(network.layer(layer), _size_of(said), self.region, _size_of(self._picture))
        shares = (said.float().softmax(1)[0] * torch.from_numpy(units).to(said.device)).sum((1, 2))
        code = int(shares.argmax())
        # By its number, where names repeat or are not at hand.
        name = network.classes[code].partition(",")[0] if code < len(network.classes) else str(code)
        target = bind_target(ClassLogit(str(code)), network)
        return replace(target, text=ClassLogit(name).target())

    def _check_score(self) -> None:
        if self.settings.score != "probability":
            return
        if self.target.layer != self.network.class_layer:
            raise SeisdreamError(
                f"Only classes have a probability, and '{self.target.text}' is none; leave out --score."
            )
        if self.settings.method == "lrp":
            raise SeisdreamError("LRP follows a logit, because a softmax has no rule; leave out --score.")

    def _settle_cam_layer(self) -> str:
        """Return the layer that Grad-CAM weighs, checked to lie before the target's and to follow positions."""
        names = list(self.network.layers)
        before = names[: names.index(self.target.layer)]
        fitting = [
            name
            for name in before
            if (info := self.network.layers[name]).stride
            and info.start
            and info.has_positions
            and info.channel_axis == 1
        ]
        asked = self.settings.cam_layer
        if asked is not None:
            self.network.layer(asked)
            if asked not in fitting:
                raise SeisdreamError(
                    f"Grad-CAM cannot weigh '{asked}' for '{self.target.text}': a layer is needed that comes before "
                    f"'{self.target.layer}' and has rows and columns, such as {', '.join(fitting[-3:]) or 'none'} "
                    "(--cam-layer)."
                )
            return asked
        if not fitting:
            raise SeisdreamError(
                f"Grad-CAM weighs a layer before '{self.target.layer}', and {self.network.name} has none with rows and "
                "columns there; use --method integrated-gradients."
            )
        # The last one, as in the paper, that is coarse enough to have seen its surroundings: a bottleneck would miss
        # what goes around it by skips.
        strides = {name: max(self.network.layers[name].stride or (0, 0)) for name in fitting}
        coarse = min(_COARSE, max(strides.values()))
        return [name for name, stride in strides.items() if stride >= coarse][-1]

    def _crop(self, info: LayerInfo, score: torch.Tensor) -> None:
        """Narrow `window` to what the score can depend on, where the network says the same there as on the whole."""
        self._seen_units = self._units
        if self.region is None:
            return
        try:
            reach = receptive_halo(self.network, (self.target.layer,))
        except SeisdreamError:
            return
        assert info.stride is not None
        window, units = [], []
        for axis in (0, 1):
            used = np.flatnonzero(self._units.numpy().any(axis=1 - axis))
            stride, alignment, halo = round(info.stride[axis]), reach.alignment[axis], reach.halo[axis]
            n_samples = self._picture.shape[axis + 2]
            first = max(0, int(used[0]) * stride // alignment * alignment - halo)
            stop = math.ceil((int(used[-1]) + 1) * stride / alignment) * alignment + halo
            window.append((first, min(n_samples, stop)))
            units.append(slice(first // stride, None))
        seen = self._picture[..., slice(*window[0]), slice(*window[1])]
        with torch.no_grad():
            said = self._prepared.record(seen, (self.target.layer,))[self.target.layer]
        rows, columns = _size_of(said)
        weights = self._units[units[0], units[1]][:rows, :columns]
        if weights.shape != (rows, columns) or not torch.isclose(weights.sum(), torch.tensor(1.0), atol=1e-4):
            return
        # What a network does between its layers is not seen from outside, so it is tried.
        tolerance = 1e-4 * float(said.float().std().clamp_min(1e-12))
        if abs(float(self._score_of(said, weights) - score)) <= tolerance:
            self.window, self._seen_units = (window[0], window[1]), weights.contiguous()

    def _as_array(self, values: NDArray, network: Network, story: dict[str, float]) -> xr.DataArray:
        dims = [str(dim) for dim in self.section.dims[:2]]
        coords: dict = {name: coord for name, coord in self.section.coords.items() if set(coord.dims) <= set(dims)}
        settings = self.settings
        used: dict[str, Any] = {"method": settings.method}
        if settings.method in ("integrated-gradients", "occlusion"):
            used["baseline"] = settings.baseline_or_default
        if settings.method == "occlusion":
            used["patch"], used["stride"] = settings.patch_or_default, settings.stride_or_default
        if settings.method == "grad-cam":
            used["cam_layer"] = settings.cam_layer
        if settings.method == "lrp":
            used["gamma"] = settings.gamma_or_default
        if settings.baseline == "noise":
            used["seed"] = settings.seed
        attrs = {
            "network": network.name,
            "network_sha256": network.sha256,
            "layer": self.target.layer,
            "target": self.target.text,
            "target_score": settings.score if self.target.layer == network.class_layer else "activation",
            **used,
            "percentile": settings.percentile,
            "device": settings.device,
            "grey_low": self._mapping.low,
            "grey_high": self._mapping.high,
            "seen_rows": self.window[0],
            "seen_columns": self.window[1],
            **story,
        }
        return xr.DataArray(values, coords, dims, "attribution", attrs)


def _size_of(tensor: torch.Tensor) -> Size:
    return tensor.shape[-2], tensor.shape[-1]


def _flat(map_: torch.Tensor) -> NDArray:
    """Return ``(row, column)``, float32, of ``(1, channel, row, column)``: the sum over colours."""
    return map_[0].sum(0).detach().cpu().numpy().astype(np.float32)


def _on_samples(units: NDArray, info: LayerInfo, size: Size) -> NDArray:
    """Return what units say at a section's samples, linearly between their centres and constant past the outer ones."""
    assert info.stride is not None
    assert info.start is not None
    places = []
    for axis in (0, 1):
        is_dense = info.stride[axis] == 1 and units.shape[axis] == size[axis]
        start = 0.0 if is_dense else info.start[axis]
        places.append((np.arange(size[axis]) - start) / info.stride[axis])
    grid = np.meshgrid(*places, indexing="ij")
    return ndimage.map_coordinates(units.astype(np.float64), grid, order=1, mode="nearest").astype(np.float32)


@dataclass(frozen=True, eq=False)  # Each is itself: tensors are not compared.
class _Part:
    """A part of the way from a baseline to the section: its integral, and by how much the score changes along it."""

    baseline: torch.Tensor
    first: float
    last: float
    map: torch.Tensor
    change: float

    @property
    def missed(self) -> float:
        return float(self.map.sum(dtype=torch.float64)) - self.change
