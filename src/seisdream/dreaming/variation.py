"""How much a section may vary before each forward pass, as numbers and as text."""

from __future__ import annotations

import re

from seisdream.errors import SeisdreamError, near_matches

MILD = "shear=0.02,stretch=0.05,gain=0.2"
"""What ``mild`` stands for."""

MAXIMA = {"shear": 1.0, "stretch": 1.0, "gain": 10.0, "band": 24.0}
"""Largest amounts: samples a trace, share of time, share of amplitude, decibels an octave."""


def parse_variation(text: str) -> dict[str, float] | None:
    """Read amounts such as ``shear=0.02,gain=0.2``, ``mild``, or ``mild,band=3``; ``none`` stands for None.

    Raises
    ------
    SeisdreamError
        If a kind of variation does not exist (``unknown-name``), or the text cannot be parsed (``invalid``).
    """
    if text.strip() in ("", "none"):
        return None
    amounts: dict[str, float] = {}
    for part in re.sub(r"(^|,)\s*mild\s*(?=,|$)", rf"\1{MILD}", text).split(","):
        match = re.fullmatch(r"\s*(\w+)\s*=\s*(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)\s*", part)
        if match is None:
            raise SeisdreamError(
                f"Cannot read '{part.strip()}' in `transforms` '{text}'; write mild, mild,band=3, {MILD}, or none.",
                code="invalid",
                option="transforms",
            )
        if match[1] not in MAXIMA:
            raise SeisdreamError(
                f"`transforms` has no '{match[1]}'; did you mean "
                f"{', '.join(near_matches(match[1], MAXIMA) or MAXIMA)}?",
                code="unknown-name",
                option="transforms",
            )
        amounts[match[1]] = float(match[2])
    return amounts
