"""The settings of a sheet of small dreams."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.settings import Settings, setting, split_pair


@dataclass(frozen=True)
class SheetSettings(Settings):
    """What a sheet shows, and on which part of the section."""

    objectives: tuple[str, ...] = setting(
        (),
        "What to increase in each tile, such as enc3,class:salt; separate several by commas.",
        group="Objective",
        is_primary=True,
        metavar="L[,L]",
        auto="every stage and every class",
    )
    concepts: str | None = setting(
        None,
        "Folder of `seisdream concepts` of this network: each of its concepts is a tile.",
        group="Objective",
        metavar="FOLDER",
    )
    at: tuple[float, float] | None = setting(
        None,
        "Middle of the part that is used: horizontal and vertical coordinate.",
        group="Input",
        is_primary=True,
        metavar="TRACE,TIME",
        auto="the part that is most like the whole section",
    )
    size: tuple[int, int] = setting(
        (96, 144),
        "Samples and traces of that part.",
        group="Input",
        is_primary=True,
        minimum=16,
        maximum=1024,
        metavar="ROWSxCOLUMNS",
        separator="x",
        parse=split_pair,
    )
    steps: int = setting(
        6,
        "Steps in each of two octaves; a small section has one octave.",
        is_primary=True,
        minimum=1,
        maximum=1000,
        metavar="N",
    )
    step_size: float = setting(4.0, "Mean change of a step, in grey levels of 255.", above=0, maximum=255, metavar="X")
    seed: int = setting(0, "Random seed (jitter).", minimum=0, maximum=2**63 - 1, metavar="N")
