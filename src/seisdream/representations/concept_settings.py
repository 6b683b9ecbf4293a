"""Settings of concepts; free of PyTorch, so that ``--help`` stays fast."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.settings import Settings, setting

AUTO = "auto"
"""As a number of concepts: the one that reproduces best between halves of the data."""


def _check_number(value: int | str) -> str | None:
    is_number = isinstance(value, int) and 1 <= value <= 200
    return None if is_number or value == AUTO else "1 to 200, or auto"


@dataclass(frozen=True)
class ConceptSettings(Settings):
    """Settings of `seisdream.concepts`."""

    layer: str | None = setting(
        None, "Layer whose activations are factorised.", group="Network", is_primary=True, metavar="LAYER",
        auto="the network's default layer",
    )  # fmt: skip
    concepts: int | str | None = setting(
        None,
        "Number of concepts; auto: the number that reproduces best between halves of the data.",
        group="Objective",
        is_primary=True,
        metavar="N|auto",
        auto="25, or as many as the layer has channels",
        check=_check_number,
    )
    every: int = setting(1, "Use every Nth inline of a volume.", group="Input", is_primary=True, minimum=1)
    percentile: float = setting(
        99.0,
        "Clip amplitudes at this percentile of absolute amplitude before the network sees them.",
        group="Input",
        minimum=50,
        maximum=100,
    )
    units: int = setting(
        20_000,
        "Units that are factorised at most, drawn evenly from all lines.",
        minimum=100,
        maximum=1_000_000,
    )
    seed: int = setting(0, "Random seed (units that are drawn, starting point).", minimum=0)
    control: bool = setting(True, "Compare with the same network with random weights.", group="Objective")
    labels: str | None = setting(
        None,
        "Labelled sections to compare concepts with, as for `seisdream evaluate`: generated, benchmark:NAME, or a "
        "folder or file with labels.",
        group="Objective",
        is_primary=True,
        metavar="DATA",
    )
    labelled_sections: int = setting(32, "Labelled sections that are used at most.", group="Objective", minimum=1)
    dreams: bool = setting(True, "Dream of each concept, from noise; not for cubes.", group="Objective")
    patches: int = setting(4, "Patches of real data of each concept.", group="Output", minimum=1, maximum=24)
    device: str = setting("auto", "auto, cpu, cuda or mps.", group="Network", metavar="NAME")
