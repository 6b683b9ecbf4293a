"""Options of a network, as declared settings; free of PyTorch, so that ``--help`` stays fast."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.settings import Settings, setting


@dataclass(frozen=True)
class NetworkOptions(Settings):
    """Weights, classes and normalisation of a network."""

    weights: str | None = setting(
        None,
        "Weights: .safetensors, .caffemodel or .pt.",
        group="Network",
        is_primary=True,
        metavar="FILE",
    )
    classes: str | None = setting(None, "Names of the classes, one a line.", group="Network", metavar="FILE")
    class_layer: str | None = setting(
        None,
        "Layer with one channel for each class, before any softmax.",
        group="Network",
        metavar="LAYER",
        auto="what the network returns",
    )
    class_activation: str | None = setting(
        None,
        "From logits to probabilities: one class at each position (softmax) or several labels at once (sigmoid).",
        group="Network",
        choices=("softmax", "sigmoid"),
        auto="as the network does itself",
    )
    dims: int | None = setting(
        None,
        "Your own network: 2 for sections, 3 for cubes (time, inline, crossline).",
        group="Network",
        metavar="2|3",
        minimum=2,
        maximum=3,
        auto="detected",
    )
    input_order: str | None = setting(
        None, "Your own network: input channels.", group="Network", choices=("grey", "rgb", "bgr")
    )
    input_scale: float | None = setting(None, "Your own network: factor on grey levels 0 to 255.", group="Network")
    input_mean: tuple[float, ...] | None = setting(
        None,
        "Your own network: subtracted after scaling, for all channels or for each.",
        group="Network",
        metavar="M[,M,M]",
    )
    input_std: tuple[float, ...] | None = setting(
        None, "Your own network: divided by last, for all channels or for each.", group="Network", metavar="S[,S,S]"
    )
    normalise: str | None = setting(
        None,
        "Your own network: how amplitudes were normalised in training. fixed: grey levels, clipped at the percentile. "
        "zscore: mean 0, standard deviation 1. zscore-clip:3: clipped at 3 standard deviations too. minmax: to -1…1; "
        "minmax:0,1: to 0…1. Two steps are joined by +, as in zscore-clip:3+minmax.",
        group="Network",
        metavar="fixed|zscore|zscore-clip:N|minmax[:A,B]",
        auto="fixed",
    )
    statistics: str | None = setting(
        None,
        "Your own network: where the statistics of `normalise` are measured: the section, each window that the network "
        "is given, or the volume.",
        group="Network",
        choices=("section", "window", "volume"),
        auto="section",
    )
    input_lines: int | None = setting(
        None,
        "Your own network: neighbouring lines that it takes as channels, the section in the middle.",
        group="Network",
        metavar="N",
        minimum=1,
        auto="1",
    )
    input_constants: tuple[float, ...] | None = setting(
        None,
        "Your own network: further channels of one value each, after the others.",
        group="Network",
        metavar="C[,C]",
    )
