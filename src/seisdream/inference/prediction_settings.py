"""Settings of a prediction; free of PyTorch, so that ``--help`` stays fast."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.settings import Settings, setting, split_pair

PRECISIONS = ("auto", "float32", "bfloat16")
STRATIGRAPHIC_ORDERS = ("auto", "down", "any")


@dataclass(frozen=True)
class PredictionSettings(Settings):
    """Settings of `seisdream.predict`."""

    percentile: float = setting(
        99.0,
        "Clip amplitudes at this percentile of absolute amplitude before the network sees them.",
        group="Input",
        minimum=50,
        maximum=100,
    )
    scale: tuple[float, float] | None = setting(
        None,
        "Resample the section by this factor for the network, vertically x horizontally: 0.5x1 fits a section sampled "
        "every 2 ms to a network trained on 4 ms. The result keeps the section's own sampling.",
        group="Input",
        auto="what brings the section into the range of the network's training data, if that is known",
        minimum=0.1,
        maximum=4,
        metavar="V[xH]",
        separator="x",
        parse=split_pair,
    )
    as_is: bool = setting(
        False,
        "Do not resample a section that lies outside the range of the network's training data.",
        group="Input",
    )
    augmentations: int = setting(
        4,
        "Test-time augmentations (mirrored, scaled in amplitude, stretched, shifted) averaged with the section itself; "
        "their disagreement is the uncertainty. 0: none.",
        group="Network",
        is_primary=True,
        minimum=0,
    )
    tile: int | None = setting(
        None,
        "Side of a tile in samples; 0: no tiles. Tiled results equal untiled ones.",
        group="Network",
        minimum=0,
        auto="1024 for sections of more than 2 million samples",
    )
    precision: str = setting(
        "float32",
        "Floating-point precision; auto: bfloat16 where the hardware has it.",
        group="Network",
        choices=PRECISIONS,
    )
    device: str = setting("auto", "auto, cpu, cuda or mps.", group="Network", metavar="NAME")
    stratigraphic_order: str = setting(
        "auto",
        "down: no class may lie above an earlier one, as intervals between horizons; the horizons are written too. "
        "any: no constraint. auto: as the network's classes are declared.",
        group="Output",
        choices=STRATIGRAPHIC_ORDERS,
    )
