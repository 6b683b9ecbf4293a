"""Settings of controls. The module does not import PyTorch, so that ``--help`` stays fast."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.settings import Settings, setting

MEASURES = ("activation", "dream")
NULLS = ("phase", "noise", "traces")


@dataclass(frozen=True)
class ControlSettings(Settings):
    """Settings of `seisdream.controls`."""

    measure: str = setting(
        "both",
        "What is compared: the layer's activation (fast), the change that a dream makes, or both.",
        group="Objective",
        is_primary=True,
        choices=("both", *MEASURES),
    )
    layer: str | None = setting(
        None,
        "Objective: layers, channels, classes and sums of them, in the objective syntax.",
        group="Objective",
        is_primary=True,
        metavar="OBJECTIVE",
        auto="the network's default layer",
    )
    null: str = setting(
        NULLS[0],
        "Surrogates under the null hypothesis: the section with scrambled phases, noise with its spectrum, or its "
        "traces in random order.",
        group="Objective",
        is_primary=True,
        choices=NULLS,
    )
    surrogates: int = setting(39, "Number of surrogates.", group="Objective", is_primary=True, minimum=4)
    others: bool = setting(True, "Also evaluate a quarter as many surrogates of each other kind.", group="Objective")
    path: bool = setting(
        False,
        "Also dream with the default settings, and check whether the dream goes through the network as real sections "
        "do.",
        group="Objective",
        is_primary=True,
    )
    q: float = setting(
        0.05, "False discovery rate at which a block counts as significant.", group="Objective", above=0, below=1
    )
    block: int = setting(32, "Side of a block in samples.", group="Objective", is_primary=True, minimum=4)
    random: int = setting(
        1,
        "Number of networks of the same architecture with random weights to compare with; 0: none.",
        group="Network",
        is_primary=True,
        minimum=0,
    )
    device: str = setting("auto", "auto, cpu, cuda or mps.", group="Network", metavar="NAME")
    seeds: int = setting(
        3, "Dreams of the section with different seeds; their correlation is the stability.", minimum=1
    )
    octaves: int = setting(2, "Octaves of each dream; fewer on small sections.", minimum=1)
    steps: int = setting(3, "Steps in each octave.", minimum=1)
    step_size: float = setting(1.5, "Mean change of a step, in grey levels of 255.", above=0)
    seed: int = setting(0, "Random seed (surrogates, dreams, random weights).", minimum=0)
    percentile: float = setting(
        99.0,
        "Clip the network's input at this percentile of absolute amplitude.",
        group="Input",
        minimum=50,
        maximum=100,
    )

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that are compared."""
        return MEASURES if self.measure == "both" else (self.measure,)

    @property
    def n_other_surrogates(self) -> int:
        """Number of surrogates of each other kind."""
        return -(-self.surrogates // 4) if self.others else 0
