"""Settings of the comparison of two networks; free of PyTorch, so that ``--help`` stays fast."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.settings import Settings, setting, split_pair


@dataclass(frozen=True)
class ComparisonSettings(Settings):
    """Settings of `seisdream.compare_networks`."""

    layer: str | None = setting(
        None,
        "Layer of the first network whose activations are factorised.",
        group="Network",
        is_primary=True,
        metavar="LAYER",
        auto="the network's default layer",
    )
    other_layer: str | None = setting(
        None,
        "Layer of the second network.",
        group="Network",
        is_primary=True,
        metavar="LAYER",
        auto="the same name, or the network's default layer",
    )
    concepts: int = setting(25, "Number of concepts.", group="Objective", is_primary=True, minimum=2, maximum=200)
    every: int = setting(1, "Use every Nth inline of a volume.", group="Input", is_primary=True, minimum=1)
    percentile: float = setting(
        99.0,
        "Clip amplitudes at this percentile of absolute amplitude before the networks see them.",
        group="Input",
        minimum=50,
        maximum=100,
    )
    positions: int = setting(
        6000,
        "Positions at which both networks are recorded, drawn evenly from all lines.",
        minimum=100,
        maximum=100_000,
    )
    dreams: bool = setting(True, "Dream of each concept and of the difference of the two layers.", group="Objective")
    size: tuple[int, int] = setting(
        (96, 144),
        "Samples and traces of the middle of a line that the difference of the two layers is dreamed on.",
        group="Output",
        minimum=32,
        maximum=1024,
        metavar="ROWSxCOLUMNS",
        separator="x",
        parse=split_pair,
    )
    steps: int = setting(
        6,
        "Steps in each of two octaves of a dream of the difference; a small section has one octave.",
        minimum=1,
        maximum=1000,
        metavar="N",
    )
    seed: int = setting(0, "Random seed (positions, starting point, dreams).", minimum=0)
    device: str = setting("auto", "auto, cpu, cuda or mps.", group="Network", metavar="NAME")
