"""Settings of an attribution; free of PyTorch, so that ``--help`` stays fast."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.errors import SeisdreamError
from seisdream.settings import Settings, setting, split_pair

METHODS = ("integrated-gradients", "grad-cam", "occlusion", "lrp")
SCORES = ("logit", "probability")
BASELINES = ("zero", "blurred", "noise")

_METHODS_WITH = {
    "baseline": ("integrated-gradients", "occlusion"),
    "steps": ("integrated-gradients",),
    "patch": ("occlusion",),
    "stride": ("occlusion",),
    "cam_layer": ("grad-cam",),
    "gamma": ("lrp",),
}


@dataclass(frozen=True)
class AttributionSettings(Settings):
    """Settings of `seisdream.attribute`; None stands for the method's default.

    Raises
    ------
    SeisdreamError
        Also if a setting does not apply to the method, or the stride leaves gaps between patches (``incompatible``).
    """

    method: str = setting(METHODS[0], "Attribution method.", group="Objective", is_primary=True, choices=METHODS)
    score: str = setting(
        SCORES[0], "For a class: explain its logit or its probability.", group="Objective", choices=SCORES
    )
    baseline: str | None = setting(
        None,
        "Integrated gradients and occlusion: what the section is compared with: zero amplitude, the section blurred, "
        "or noise with its amplitude spectrum.",
        group="Optimization",
        choices=BASELINES,
        auto="zero",
    )
    steps: int | None = setting(
        None,
        "Integrated gradients: points on the path from the baseline to the section.",
        group="Optimization",
        minimum=1,
        auto="64, more (up to 512) where the attribution does not add up to the change of the score within 1 %",
    )
    patch: tuple[int, int] | None = setting(
        None,
        "Occlusion: samples hidden at once, vertically x horizontally.",
        group="Optimization",
        minimum=1,
        metavar="NxN",
        separator="x",
        parse=split_pair,
        auto="32x32",
    )
    stride: tuple[int, int] | None = setting(
        None,
        "Occlusion: samples between neighbouring patches, vertically x horizontally.",
        group="Optimization",
        minimum=1,
        metavar="NxN",
        separator="x",
        parse=split_pair,
        auto="half a patch",
    )
    cam_layer: str | None = setting(
        None,
        "Grad-CAM: the layer whose channels are weighted.",
        group="Optimization",
        metavar="LAYER",
        auto="the last one before the target with units 8 samples apart or more",
    )
    gamma: float | None = setting(
        None,
        "LRP: how much positive contributions are favoured over negative ones; 0 is the epsilon rule.",
        group="Optimization",
        minimum=0,
        auto="0.25",
    )
    seed: int = setting(0, "Random seed (noise baseline, random weights).", group="Optimization", minimum=0)
    percentile: float = setting(
        99.0,
        "Clip amplitudes at this percentile of absolute amplitude before the network sees them.",
        group="Input",
        minimum=50,
        maximum=100,
    )
    device: str = setting("auto", "auto, cpu, cuda or mps.", group="Network", metavar="NAME")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, methods in _METHODS_WITH.items():
            if getattr(self, name) is not None and self.method not in methods:
                choices = " or ".join(f"`method={method}`" for method in methods)
                raise SeisdreamError(
                    f"`{name}` does not apply to {self.method}; leave it out, or use {choices}.",
                    code="incompatible",
                    option=name,
                )
        if any(step > side for step, side in zip(self.stride_or_default, self.patch_or_default, strict=True)):
            raise SeisdreamError(
                f"`stride` is {_size(self.stride_or_default)}, more than the patch of {_size(self.patch_or_default)}, "
                "so samples between patches would be left out; use a smaller `stride` or a larger `patch`.",
                code="incompatible",
                option="stride",
            )

    @property
    def baseline_or_default(self) -> str:
        """The baseline."""
        return self.baseline or BASELINES[0]

    @property
    def steps_or_default(self) -> int:
        """The number of points on the path."""
        return self.steps or 64

    @property
    def patch_or_default(self) -> tuple[int, int]:
        """Samples hidden at once, ``(time, trace)``."""
        return self.patch or (32, 32)

    @property
    def stride_or_default(self) -> tuple[int, int]:
        """Samples between patches, ``(time, trace)``."""
        down, across = self.patch_or_default
        return self.stride or (max(1, down // 2), max(1, across // 2))

    @property
    def gamma_or_default(self) -> float:
        """The gamma of the gamma rule."""
        return 0.25 if self.gamma is None else self.gamma


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
