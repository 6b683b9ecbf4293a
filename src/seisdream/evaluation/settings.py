"""Settings of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seisdream.settings import Settings, setting


def _read_class_map(path: str) -> dict[str, str | None]:
    from seisdream.evaluation.class_map import read_class_map

    return read_class_map(path)


@dataclass(frozen=True)
class EvaluationSettings(Settings):
    """How a network is scored.

    ``input_options`` (how SEG-Y is read, see `seisdream.io.segy.read_survey`) has options of its own on the command
    line.
    """

    sections: int | None = setting(
        None,
        "Number of sections scored; baselines are fitted to up to 48 others.",
        group="Input",
        is_primary=True,
        minimum=1,
        auto="64 generated, or all lines",
    )
    held_out: float | None = setting(
        None,
        "Your own lines: share that is held out.",
        group="Input",
        is_primary=True,
        above=0,
        below=1,
        auto="as in the network's training, or 0.2",
    )
    guard: int | None = setting(
        None,
        "Your own lines: width of the guard band around the held-out lines, in line numbers.",
        group="Input",
        minimum=0,
        auto="as in the network's training; or 20, or a tenth of the range",
    )
    margin: int = setting(
        0, "Leave out samples within this many samples or traces of another class.", group="Input", minimum=0
    )
    input_options: dict[str, Any] = setting({}, "How SEG-Y is read.", group="Input", is_hidden=True)
    class_map: dict[str, str | None] | None = setting(
        None,
        "JSON file that maps the network's classes to those of the data, where names differ; null for none.",
        group="Network",
        flag="--map",
        metavar="FILE.json",
        parse=_read_class_map,
    )
    as_is: bool = setting(
        False,
        "Do not resample sections that lie outside the range of the network's training data.",
        group="Network",
    )
    baselines: bool = setting(
        True, "Score linear probes, depth only and the majority class, too.", group="Output", is_primary=True
    )
    device: str = setting("auto", "auto, cpu, cuda or mps.", group="Network", is_primary=True, metavar="NAME")
