"""What `--robust` says: how much each look may differ from the section as it is."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from seisdream.errors import SeisdreamError, near_matches

MILD = "shear=0.02,stretch=0.05,gain=0.2"
"""What ``mild`` stands for."""


@dataclass(frozen=True)
class Robustness:
    """How much each look may differ from the section as it is.

    Attributes
    ----------
    shear : float, default 0
        Most samples down for each trace across.
    stretch, gain : float, default 0
        Most by which time and amplitude grow, as a share; 0.05 is by 5 % longer or shorter.
    band : float, default 0
        Most decibels an octave by which the spectrum tilts.
    """

    shear: float = 0.0
    stretch: float = 0.0
    gain: float = 0.0
    band: float = 0.0


_MOST = {"shear": 1.0, "stretch": 1.0, "gain": 10.0, "band": 24.0}


def read_robustness(text: str | None) -> Robustness | None:
    """Read what ``--robust`` says: ``shear=0.02,gain=0.2``, ``mild``, ``mild,band=3``; None for looks as they are.

    Raises
    ------
    SeisdreamError
        If a change does not exist, or is too large to be one.
    """
    if text is None or text.strip() == "none":
        return None
    amounts: dict[str, float] = {}
    known = [one.name for one in dataclasses.fields(Robustness)]
    for part in re.sub(r"(^|,)\s*mild\s*(?=,|$)", rf"\1{MILD}", text).split(","):
        match = re.fullmatch(r"\s*(\w+)\s*=\s*([0-9.eE+-]+)\s*", part)
        if match is None:
            raise SeisdreamError(
                f"Cannot read '{part.strip()}' in --robust {text}; write mild, mild,band=3, {MILD}, or none alone."
            )
        name = match[1]
        if name not in known:
            near = near_matches(name, known) or known
            raise SeisdreamError(f"--robust knows no change '{name}'; did you mean {', '.join(near)}?")
        try:
            amounts[name] = float(match[2])
        except ValueError:
            raise SeisdreamError(f"'{match[2]}' in --robust {text} is no number.") from None
        if not 0 <= amounts[name] <= _MOST[name]:
            raise SeisdreamError(f"{name} in --robust is {match[2]}; it must be 0 to {_MOST[name]:g}.")
    return Robustness(**amounts) if any(amounts.values()) else None
