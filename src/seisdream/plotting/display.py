"""How amplitudes are drawn in figures and on pages: colours, polarity, gain, wiggles and proportions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from seisdream.settings import Settings, setting

COLORMAPS = {"grey": "gray", "blue-red": "RdBu_r", "teal-brown": "BrBG_r", "purple-orange": "PuOr_r"}
"""Grey, and maps with white in the middle, named by their colours from negative to positive."""
POLARITIES = ("normal", "reversed")


@dataclass(frozen=True)
class DisplaySettings(Settings):
    """How amplitudes are drawn; the numbers of a result do not change."""

    colormap: str = setting("grey", "Colours of amplitudes.", group="Display", choices=tuple(COLORMAPS))
    polarity: str = setting(
        "normal", "Whether positive amplitudes are light (in grey) or dark.", group="Display", choices=POLARITIES
    )
    gain: float = setting(
        0.0, "Gain of amplitudes in dB, over their clip.", group="Display", minimum=-60, maximum=60, metavar="DB"
    )
    wiggle: bool = setting(False, "Draw wiggles over the colours, filled where positive.", group="Display")
    aspect: float | None = setting(
        None,
        "Width of a panel over its height.",
        group="Display",
        minimum=0.1,
        maximum=20,
        metavar="X",
        auto="by the numbers of samples and traces",
    )

    @property
    def factor(self) -> float:
        """The gain as a factor."""
        return 10.0 ** (self.gain / 20.0)

    def of_viewer(self) -> dict[str, Any]:
        """Return the settings as the viewer of a page knows them."""
        return {
            "map": self.colormap,
            "polarity": self.polarity,
            "gain": self.gain,
            "traces": "wiggles" if self.wiggle else "colours",
        }


_CURRENT: ContextVar[DisplaySettings | None] = ContextVar("display", default=None)


def current_display() -> DisplaySettings:
    """Return the settings that figures and pages are drawn with."""
    return _CURRENT.get() or DisplaySettings()


@contextmanager
def displaying(settings: DisplaySettings) -> Iterator[None]:
    """Draw all figures and pages of a block with these settings."""
    token = _CURRENT.set(settings)
    try:
        yield
    finally:
        _CURRENT.reset(token)
