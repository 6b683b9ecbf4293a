"""Settings of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seisdream.errors import SeisdreamError
from seisdream.settings import Settings, setting

ARCHITECTURE_NAMES = ("unet", "classifier", "googlenet")
TASK_NAMES = ("fault", "dip", "impedance", "attributes", "position")
"""Auxiliary tasks; see `auxiliary_heads`."""

FIRST_CONSISTENT_STAGE = 3
"""The flip-consistency loss applies to the stages of a U-Net from this one on."""

NOT_PART_OF_A_RUN = ("workers", "device", "baselines")
"""Settings that may change when a run is resumed, because its weights do not depend on them."""


def _check_tasks(tasks: Mapping[str, float]) -> str | None:
    if set(tasks) <= set(TASK_NAMES) and all(isinstance(weight, int | float) for weight in tasks.values()):
        return None
    return f"a weight for some of {', '.join(TASK_NAMES)}"


def _check_widths(widths: tuple[int, ...]) -> str | None:
    return None if len(widths) >= 2 and min(widths) >= 1 else "two or more whole numbers of 1 or more"


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """Everything that a training run is made from, except its data and its folder.

    Settings without an option on the command line are ``architecture``, ``n_dims`` and ``normalisation`` of the network
    (`seisdream.models.zoo.unet.UNet`), ``tasks`` (weights of auxiliary losses by name, see `auxiliary_heads`),
    ``weight_decay`` of AdamW, ``warmup`` (share of the steps over which the learning rate rises before it falls as a
    cosine), ``ema_decay`` of the exponential moving average of the weights, which is the final network,
    ``max_gradient_norm``, ``class_balance`` (class weights are class frequencies to minus this power),
    ``label_smoothing`` and ``input_options`` (how SEG-Y is read).
    """

    preset: str = setting(
        "",
        "Train one of the package's networks again: facies, facies-robust (for dreams), geology, f3-intervals (which "
        "needs `data`), or faults (for cubes).",
        group="Input",
        is_primary=True,
        metavar="NAME",
    )
    unlabelled: tuple[str, ...] = setting(
        (),
        "Preset facies: real lines without labels, as files or folders, in place of sample:f3 and sample:npra.",
        group="Input",
        metavar="INPUT[,INPUT]",
    )
    earths: int | None = setting(
        None, "Presets: number of generated earths.", group="Input", minimum=1, metavar="N", auto="10000"
    )
    shuffled: bool = setting(False, "Give each sample the labels of another: the control NAME@shuffled.", group="Input")
    size: int = setting(224, "Samples along time and traces of a training patch.", group="Input", minimum=16)
    held_out: float = setting(
        0.2,
        "Share of the lines held out for validation; 0 trains on all lines.",
        group="Input",
        is_primary=True,
        minimum=0,
        below=1,
    )
    guard: int | None = setting(
        None,
        "Width of the guard band around the held-out lines, in line numbers.",
        group="Input",
        minimum=0,
        auto="20, or a tenth of the range",
    )
    split: str | None = setting(
        None,
        "Hold out a block of neighbouring lines, or single ones at random, which overstates scores where neighbours "
        "are similar.",
        group="Input",
        choices=("blocks", "random"),
        auto="blocks; photographs: random, by name",
    )
    polarity_flip: float = setting(
        0.0, "Probability of a change of sign of a training patch.", group="Input", minimum=0, maximum=1
    )
    input_options: dict[str, Any] = setting({}, "How SEG-Y is read.", group="Input", is_hidden=True)

    start: str = setting(
        "",
        "Start from the weights of this network; for photographs also googlenet.",
        group="Network",
        is_primary=True,
        metavar="NAME|FILE",
        auto="random weights",
    )
    weights: str | None = setting(
        None,
        "Weights of googlenet, if training starts from it.",
        group="Network",
        metavar="FILE",
        auto="downloaded once",
    )
    widths: tuple[int, ...] | None = setting(
        None,
        "Channels of each stage.",
        group="Network",
        metavar="N,N[,N]",
        auto="16,32,64,128,160,224",
        check=_check_widths,
    )
    architecture: str = setting("unet", "Kind of network.", group="Network", choices=ARCHITECTURE_NAMES, is_hidden=True)
    n_dims: int = setting(2, "2 for sections, 3 for cubes.", group="Network", minimum=2, maximum=3, is_hidden=True)
    normalisation: str = setting(
        "batch", "Normalisation after convolutions.", group="Network", choices=("batch", "none"), is_hidden=True
    )
    tasks: dict[str, float] = setting(
        {}, "Weights of auxiliary losses by task.", group="Network", is_hidden=True, check=_check_tasks
    )

    steps: int = setting(
        4000, "Training steps.", is_primary=True, minimum=1, auto="4000, or the preset's; 200 from googlenet"
    )
    batch_size: int = setting(8, "Samples in each step.", is_primary=True, minimum=1, auto="8, or the preset's")
    learning_rate: float = setting(
        2e-3, "Peak learning rate.", is_primary=True, above=0, auto="0.002, or the preset's; 0.0001 from googlenet"
    )
    flip_consistency: float = setting(
        0.0,
        "Weight of the flip-consistency loss, which makes activations equal for mirror images; doubles the time of a "
        "step.",
        minimum=0,
        auto="0, or the preset's",
    )
    robust: float = setting(
        0.0,
        "Radius of adversarial training, RMS of the largest change of a sample on a scale from -1 to 1 (0.01 to 0.05); "
        "0 trains on unchanged samples. Dreams improve and accuracy falls; a step takes 1.5 times as "
        "long with the default attack and clean share.",
        minimum=0,
        maximum=1,
        metavar="RADIUS",
    )
    attack_steps: int = setting(1, "Steps of the attack: 1 for N-FGSM, more for PGD.", minimum=1, metavar="N")
    clean_share: float = setting(0.5, "Share of each batch that is not attacked.", minimum=0, below=1, metavar="X")
    validate_every: int | None = setting(
        None,
        "Steps between validations, after each of which the run can be resumed.",
        minimum=1,
        auto="250, or a quarter of fewer than 1000 steps",
    )
    weight_decay: float = setting(1e-2, "Weight decay of AdamW.", minimum=0, is_hidden=True)
    warmup: float = setting(
        0.05, "Share of the steps over which the learning rate rises.", minimum=0, maximum=1, is_hidden=True
    )
    ema_decay: float = setting(0.998, "Decay of the average of the weights.", minimum=0, below=1, is_hidden=True)
    max_gradient_norm: float = setting(1.0, "Norm to which gradients are clipped.", above=0, is_hidden=True)
    class_balance: float = setting(0.5, "How strongly rare classes are weighted.", minimum=0, is_hidden=True)
    label_smoothing: float = setting(
        0.0, "Share of each label given to the other classes.", minimum=0, below=1, is_hidden=True
    )
    seed: int = setting(
        0, "Random seed of the initial weights and, with `data`, of the training patches.", is_primary=True, minimum=0
    )
    precision: str = setting(
        "auto",
        "Precision of the network; auto is bfloat16 where the hardware has it.",
        choices=("auto", "float32", "bfloat16"),
    )
    device: str = setting("auto", "auto, cpu, cuda or mps.", metavar="NAME", is_primary=True)
    workers: int = setting(1, "Processes that prepare samples.", minimum=0)
    baselines: bool = setting(
        True, "Score baselines for the model card: linear probes, depth only, majority class.", group="Output"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        n_stages = 0
        if self.architecture == "unet":
            n_stages = FIRST_CONSISTENT_STAGE if self.widths is None else len(self.widths)
        if self.flip_consistency and n_stages < FIRST_CONSISTENT_STAGE:
            raise SeisdreamError(
                f"`flip_consistency` is {self.flip_consistency:g}, but only a U-Net of {FIRST_CONSISTENT_STAGE} "
                "or more stages can be trained with it; leave it out.",
                code="incompatible",
                option="flip_consistency",
            )

    @property
    def validation_interval(self) -> int:
        """Steps between validations."""
        if self.validate_every is not None:
            return self.validate_every
        return 250 if self.steps >= 1000 else max(1, self.steps // 4)

    @property
    def architecture_options(self) -> dict[str, Any]:
        """Options of the architecture, apart from the number of classes."""
        if self.architecture == "googlenet":
            return {}
        options: dict[str, Any] = {"normalisation": self.normalisation}
        if self.widths is not None:
            options["widths"] = self.widths
        if self.architecture == "unet":
            options["n_dims"] = self.n_dims
        return options

    def run_values(self) -> dict[str, Any]:
        """Return the settings that must be the same when a run is resumed, as values that JSON knows."""
        return {name: value for name, value in self.to_dict().items() if name not in NOT_PART_OF_A_RUN}


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words which settings of a run have changed, with both values; empty where none has."""
    return ", ".join(
        f"`{name}` ({before.get(name)!r} there, {value!r} now)"
        for name, value in now.items()
        if before.get(name) != value
    )
