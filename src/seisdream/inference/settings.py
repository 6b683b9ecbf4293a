"""The numbers of predictions, attributions and controls as frozen records; free of PyTorch: help comes quickly."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.errors import SeisdreamError

PRECISIONS = ("auto", "float32", "bfloat16")

PREDICTION_FILE = "prediction.json"
"""Where a prediction's folder keeps its story, and the sign that the folder is a prediction's."""
ORDERS = ("auto", "down", "any")
"""How classes may lie above one another in a map."""


@dataclass(frozen=True)
class PredictionSettings:
    """What `seisdream.predict_section` is asked for.

    Attributes
    ----------
    percentile : float, 50 to 100, default 99
        Of absolute amplitude, for the grey mapping.
    tile : int, optional
        Side of a tile in samples, 0 for none; by default 1024 above two million samples where the network allows it.
    views : int, default 4
        Variants that are looked at beside the section itself.
    device : str, default "auto"
        As for `seisdream.models.network.resolve_device`.
    precision : {"float32", "bfloat16", "auto"}, default "float32"
        What the layers compute in.
    order : {"auto", "down", "any"}, default "auto"
        Whether no class may lie above one that comes before it; auto: where the network's classes are known to lie so.
    scale : (float, float), default (1, 1)
        Share of the section's samples and traces at which it is looked at.

    Raises
    ------
    SeisdreamError
        If a number is out of range.
    """

    percentile: float = 99.0
    tile: int | None = None
    views: int = 4
    device: str = "auto"
    precision: str = "float32"
    order: str = "auto"
    scale: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        for name, is_right, expected in (
            ("percentile", 50 <= self.percentile <= 100, "50 to 100"),
            ("tile", self.tile is None or self.tile >= 0, "0 (whole) or a side in samples"),
            ("views", self.views >= 0, "0 (none) or more"),
            ("precision", self.precision in PRECISIONS, ", ".join(PRECISIONS)),
            ("order", self.order in ORDERS, ", ".join(ORDERS)),
            ("scale", all(0.1 <= share <= 4 for share in self.scale), "0.1 to 4, down and across, such as 0.5x1"),
        ):
            if not is_right:
                raise SeisdreamError(f"Got {name} {getattr(self, name)}; it is {expected} (--{name}).")


ATTRIBUTION_FILE = "attribution.json"
"""Where an attribution's folder keeps its story, and the sign that the folder is an attribution's."""

METHODS = ("integrated-gradients", "grad-cam", "occlusion", "lrp")
SCORES = ("logit", "probability")
BASELINES = ("zero", "blurred", "noise")
# What means something to one method or two; given with another it is refused.
_METHODS_OF = {
    "baseline": ("integrated-gradients", "occlusion"),
    "steps": ("integrated-gradients",),
    "window": ("occlusion",),
    "stride": ("occlusion",),
    "cam_layer": ("grad-cam",),
    "gamma": ("lrp",),
}


@dataclass(frozen=True)
class AttributionSettings:
    """How `seisdream.attribute_section` finds out what a network answers to; None is each method's default.

    Attributes
    ----------
    method : {"integrated-gradients", "grad-cam", "occlusion", "lrp"}, default "integrated-gradients"
        How it is found out.
    score : {"logit", "probability"}, default "logit"
        Of a class: its logit, or its share after the softmax. Of other layers there is only the activation.
    baseline : {"zero", "blurred", "noise"}, optional
        What the section is compared with: zero amplitude (default), itself out of focus, or noise of its own spectrum.
    steps : int, optional
        Integrated gradients: looks on the way from the baseline to the section. By default 64, in
        four parts of the way; where they miss the score's change by more than 1 %, the worst part is halved, up to 512.
    window : (int, int), optional
        Occlusion: samples down and across that are hidden at once. By default (32, 32).
    stride : (int, int), optional
        Occlusion: samples between neighbouring windows. By default half a window.
    cam_layer : str, optional
        Grad-CAM: the layer whose channels are weighed. By default the last one before that which is asked about with
        units 8 samples apart or more.
    gamma : float, optional
        LRP: how much more what speaks for the score counts than what speaks against it; 0 is the epsilon rule. By
        default 0.25.
    seed : int, default 0
        Of the noise.
    percentile : float, 50 to 100, default 99
        Of absolute amplitude, for the grey mapping.
    device : str, default "auto"
        As for `seisdream.models.network.resolve_device`.

    Raises
    ------
    SeisdreamError
        If a name is not known, a number is out of range, or a setting means nothing to the method.
    """

    method: str = METHODS[0]
    score: str = "logit"
    baseline: str | None = None
    steps: int | None = None
    window: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    cam_layer: str | None = None
    gamma: float | None = None
    seed: int = 0
    percentile: float = 99.0
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, is_right, expected in (
            ("method", self.method in METHODS, ", ".join(METHODS)),
            ("score", self.score in SCORES, " or ".join(SCORES)),
            ("baseline", self.baseline in (None, *BASELINES), ", ".join(BASELINES)),
            ("steps", self.steps is None or self.steps >= 1, "1 or more"),
            ("window", _is_size(self.window), "samples down and across, such as 32x32"),
            ("stride", _is_size(self.stride), "samples down and across, such as 16x16"),
            ("gamma", self.gamma is None or 0 <= self.gamma < float("inf"), "0 or more"),
            ("seed", self.seed >= 0, "0 or more"),
            ("percentile", 50 <= self.percentile <= 100, "50 to 100"),
        ):
            if not is_right:
                raise SeisdreamError(f"Got {name} {getattr(self, name)}; it is {expected} (--{name}).")
        for name, methods in _METHODS_OF.items():
            if getattr(self, name) is not None and self.method not in methods:
                option = "--" + name.replace("_", "-")
                raise SeisdreamError(
                    f"{option} means nothing to {self.method}; leave it out, or use --method {' or '.join(methods)}."
                )
        if self.stride and any(far > long for far, long in zip(self.stride, self.window_or_default, strict=True)):
            raise SeisdreamError(
                f"A stride of {self.stride[0]}x{self.stride[1]} samples would leave gaps between windows of "
                f"{self.window_or_default[0]}x{self.window_or_default[1]}; choose a smaller --stride or a larger "
                "--window."
            )

    @property
    def baseline_or_default(self) -> str:
        """The baseline's name."""
        return self.baseline or BASELINES[0]

    @property
    def steps_or_default(self) -> int:
        """The number of steps."""
        return self.steps or 64

    @property
    def window_or_default(self) -> tuple[int, int]:
        """The window's samples down and across."""
        return self.window or (32, 32)

    @property
    def stride_or_default(self) -> tuple[int, int]:
        """The samples between windows down and across."""
        down, across = self.window_or_default
        return self.stride or (max(1, down // 2), max(1, across // 2))

    @property
    def gamma_or_default(self) -> float:
        """The gamma."""
        return 0.25 if self.gamma is None else self.gamma


CONTROLS_FILE = "controls.json"
"""Where the folder of controls keeps its story, and the sign that the folder is one."""

MEASURES = ("activation", "dream")
NULLS = ("phase", "noise", "traces")


@dataclass(frozen=True)
class ControlsSettings:
    """How `seisdream.permutation_controls` finds out what stands out from chance.

    Attributes
    ----------
    of : {"both", "activation", "dream"}, default "both"
        What is compared: how much the layer fires, what a dream changes, or both.
    layer : str, optional
        What is asked, as for a dream; by default the network's own.
    null : {"phase", "noise", "traces"}, default "phase"
        The surrogates that p-values come from.
    surrogates : int, default 39
        How many there are, 4 or more.
    others : bool, default True
        Look at surrogates of the other kinds too, a quarter as many of each.
    seeds : int, default 3
        Dreams on the section itself, each with a jitter of its own; 2 or more say how stable they are.
    random : int, default 1
        Networks of the same architecture with random weights that are asked the same; 0 for none.
    region : int, default 32
        Side of a region in samples, 4 or more.
    q : float, default 0.05
        The false discovery rate at which a region is called.
    octaves, steps : int, default 2 and 3
        Of the dreams; fewer octaves where the section is small.
    step_size : float, default 1.5
        Mean change of a step, in grey levels of 255.
    percentile : float, 50 to 100, default 99
        Of the section's absolute amplitude, for the grey mapping of all that is looked at.
    seed : int, default 0
        Of surrogates, dreams and random weights.
    device : str, default "auto"
        As for `seisdream.models.network.resolve_device`.

    Raises
    ------
    SeisdreamError
        If a name is not known, or a number is out of range.
    """

    of: str = "both"
    layer: str | None = None
    null: str = NULLS[0]
    surrogates: int = 39
    others: bool = True
    seeds: int = 3
    random: int = 1
    region: int = 32
    q: float = 0.05
    octaves: int = 2
    steps: int = 3
    step_size: float = 1.5
    percentile: float = 99.0
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, is_right, expected in (
            ("of", self.of in ("both", *MEASURES), "both, " + " or ".join(MEASURES)),
            ("null", self.null in NULLS, ", ".join(NULLS)),
            ("surrogates", self.surrogates >= 4, "4 or more"),
            ("seeds", self.seeds >= 1, "1 or more"),
            ("random", self.random >= 0, "0 (none) or more"),
            ("region", self.region >= 4, "4 samples or more"),
            ("q", 0 < self.q < 1, "above 0 and below 1"),
            ("octaves", self.octaves >= 1, "1 or more"),
            ("steps", self.steps >= 1, "1 or more"),
            ("step_size", 0 < self.step_size < float("inf"), "above 0"),
            ("seed", self.seed >= 0, "0 or more"),
            ("percentile", 50 <= self.percentile <= 100, "50 to 100"),
        ):
            if not is_right:
                option = "--" + name.replace("_", "-")
                raise SeisdreamError(
                    f"Got {name.replace('_', ' ')} {getattr(self, name)}; it is {expected} ({option})."
                )

    @property
    def measures(self) -> tuple[str, ...]:
        """What is compared, one by one."""
        return MEASURES if self.of == "both" else (self.of,)

    @property
    def n_beside(self) -> int:
        """How many surrogates of each other kind are looked at."""
        return -(-self.surrogates // 4) if self.others else 0


def _is_size(size: tuple[int, int] | None) -> bool:
    return size is None or (len(size) == 2 and min(size) >= 1)
