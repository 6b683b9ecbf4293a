"""Settings of a volume job; free of PyTorch, so that ``--help`` stays fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from seisdream.attribution.settings import AttributionSettings
from seisdream.errors import unknown_argument
from seisdream.settings import Settings, setting

_OfCommand = TypeVar("_OfCommand", bound=Settings)

EXECUTORS = ("serial", "processes", "dask")
DIRECTIONS = ("inline", "crossline", "both")
NUMBER_FORMATS = ("float16", "float32")
OF_COMMANDS = {
    "number_format": "predictions",
    "all_probabilities": "predictions",
    "strengths": "predictions",
    "coupling": "dreams",
}
"""Settings of `VolumeSettings` that apply to some commands only, and to which."""


def _check_block(block: Sequence[int]) -> str | None:
    return None if min(block) > 0 else "three whole numbers above 0: inlines, crosslines and samples"


def _check_store(store: str) -> str | None:
    return None if "://" in store else "a URL such as s3://bucket/facies.zarr; without it the store is in the folder"


@dataclass(frozen=True)
class VolumeSettings(Settings):
    """What the output of a volume job depends on, except the settings of the command itself."""

    direction: str = setting(
        "inline",
        "Volumes: sections that a network for sections (2-D) receives; dreams may also be averaged over both.",
        group="Volume",
        choices=DIRECTIONS,
    )
    block: tuple[int, int, int] | None = setting(
        None,
        "Volumes: inlines, crosslines and samples of a block, which one task computes and writes as one shard.",
        group="Volume",
        metavar="N,N,N",
        auto="whole sections of about 16 million samples; cubes 128,128,128, their dreams and attributions 64,64,64",
        check=_check_block,
    )
    number_format: str = setting(
        "float16",
        "Volumes: number format of probability and entropy. float16 rounds them to 3 decimal digits.",
        group="Volume",
        choices=NUMBER_FORMATS,
    )
    coupling: float = setting(
        0.0,
        "Volumes: dream on neighbouring lines together, with gradients averaged over them by a Gaussian of this "
        "standard deviation in lines; 0: each line alone.",
        group="Volume",
        minimum=0,
        maximum=16,
        metavar="X",
    )
    all_probabilities: bool = setting(
        False,
        "Volumes: write the probability of every class too, a volume for each.",
        group="Volume",
    )
    strengths: str | None = setting(
        None,
        "Volumes: write the strengths of these concepts too, by numbers or names; all: of each.",
        group="Volume",
        metavar="all|CONCEPT,...",
        auto="none",
    )
    store: str | None = setting(
        None,
        "Volumes: URL of the Zarr store of the result, such as s3://bucket/facies.zarr. The folder keeps the rest.",
        group="Volume",
        metavar="URL",
        auto="in the folder",
        check=_check_store,
    )


@dataclass(frozen=True)
class VolumeAttributionSettings(AttributionSettings):
    """Settings of the attribution of a volume: those of a section, and what is explained."""

    layer: str | None = setting(
        None,
        "Explain a class, a channel (LAYER:12) or a sum of such.",
        group="Objective",
        metavar="TARGET",
        auto="the class predicted on the middle section or block",
    )


@dataclass(frozen=True)
class ExecutorSettings(Settings):
    """Where a volume job runs; its output does not depend on it."""

    executor: str = setting(
        "processes",
        "Volumes: where blocks are computed: in this process (serial), in several processes of this machine, or on a "
        "Dask cluster.",
        group="Volume",
        choices=EXECUTORS,
    )
    workers: int | None = setting(
        None,
        "Volumes: number of worker processes on this machine.",
        group="Volume",
        metavar="N",
        minimum=1,
        auto="one for each core",
    )
    threads: int | None = setting(
        None,
        "Volumes: threads of PyTorch in each worker process.",
        group="Volume",
        metavar="N",
        minimum=1,
        auto="the cores shared by the workers",
    )
    scheduler: str | None = setting(
        None,
        "Volumes: address of a running Dask scheduler, such as tcp://10.0.0.1:8786.",
        group="Volume",
        metavar="ADDRESS",
        auto="with the executor dask: a cluster on this machine",
    )


def split_settings(
    command: str, kind: type[_OfCommand], settings: _OfCommand | None, overrides: Mapping[str, Any]
) -> tuple[_OfCommand, VolumeSettings, ExecutorSettings]:
    """Return the settings of a command, of its volume job, and of where it runs.

    Parameters
    ----------
    command : {"predict", "dream", "controls", "attribute"}
        Named in the error.
    kind : type of Settings
        Settings of the command.
    settings : Settings, optional
        Of the command; by default those of ``kind()``.
    overrides : mapping
        Values of settings of all three kinds, by name.

    Raises
    ------
    SeisdreamError
        If none of the three has a setting of a name (``unknown-argument``).
    """
    kinds = (kind, VolumeSettings, ExecutorSettings)
    # Where two kinds have a setting of one name, it is the command's own.
    names = {one.name: owner for owner in reversed(kinds) for one in owner.declared()}
    for name in overrides:
        if name not in names:
            raise unknown_argument(name, names, command)
    own = [{name: value for name, value in overrides.items() if names[name] is owner} for owner in kinds]
    return kind.of(settings, own[0]), VolumeSettings(**own[1]), ExecutorSettings(**own[2])
