"""Settings of an atlas; free of PyTorch, so that ``--help`` stays fast."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seisdream.inference.prediction_settings import PRECISIONS
from seisdream.settings import Settings, setting

ATLAS_FILE = "atlas.json"
"""Provenance of an atlas, and the sign that seisdream wrote its folder."""
NO_CONCEPTS = "none"
"""As the concepts of an atlas: it opens with the channels."""
DREAMS = "dreams"
"""Folder of the dreams of every channel, in a folder for each layer."""
CONCEPTS = "concepts"
"""Folder of the concepts that were found for an atlas."""


@dataclass(frozen=True)
class AtlasSettings(Settings):
    """Settings of `seisdream.build_atlas`."""

    layers: tuple[str, ...] = setting(
        (),
        "Names of layers, or patterns such as 'enc*', with commas.",
        group="Network",
        is_primary=True,
        metavar="LAYER,…",
        auto="the network's stages",
    )
    concepts: str | None = setting(
        None,
        "Folder of `seisdream concepts` of this network, with which the atlas opens; none: it opens with the channels.",
        group="Network",
        is_primary=True,
        metavar="FOLDER|none",
        auto="concepts of the default layer are found",
    )
    channels_at_most: int | None = setting(
        None, "Only the first N channels of each layer.", group="Network", is_primary=True, minimum=1, auto="all"
    )
    precision: str = setting(
        "auto",
        "Floating-point precision of the dreams; auto: bfloat16 where the hardware has it. All measurements use "
        "float32.",
        group="Network",
        choices=PRECISIONS,
    )
    device: str = setting("auto", "auto, cpu, cuda or mps.", group="Network", metavar="NAME")
    every: int = setting(1, "Use every Nth inline of a volume.", group="Input", is_primary=True, minimum=1)
    percentile: float = setting(
        99.0,
        "Clip amplitudes at this percentile of absolute amplitude before the network sees them.",
        group="Input",
        minimum=50,
        maximum=100,
    )
    seeds: int = setting(
        2, "Feature visualisations of each channel, each from its own noise.", is_primary=True, minimum=1, maximum=6
    )
    size: int = setting(96, "Side of a feature visualisation in samples.", is_primary=True, minimum=32, maximum=256)
    steps: int = setting(16, "Steps of each dream from noise; dreams on the section take half as many.", minimum=1)
    step_size: float = setting(8.0, "Mean change of a step, in grey levels of 255.", above=0)
    patches: int = setting(
        6, "Top-activating patches of each channel.", group="Output", is_primary=True, minimum=1, maximum=24
    )


def folder_name(layer: str) -> str:
    """Return the name of a layer as that of a folder."""
    return re.sub(r"[^\w.-]+", "-", layer).strip(".-") or "layer"
