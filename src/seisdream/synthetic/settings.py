"""Settings of synthetic earths: chances and ranges of their geology and recording."""

from __future__ import annotations

from dataclasses import dataclass, fields

from seisdream.errors import SeisdreamError, near_matches

Range = tuple[float, float]

PACKAGES = (
    "parallel",
    "onlapping",
    "subparallel",
    "divergent",
    "clinoforms",
    "hummocky",
    "chaotic",
    "reflection-free",
)
"""Kinds of package that fill a section."""


@dataclass(frozen=True)
class EarthSettings:
    """Chances (0 to 1) and ranges from which each earth is drawn.

    Attributes
    ----------
    packages : tuple of (str, float)
        Relative frequencies of the `PACKAGES`.
    package_ms : (float, float), default (110, 400)
        Mean thickness of packages in ms.
    bed_ms : (float, float), default (4, 14)
        Mean thickness of beds in ms.
    relief_ms : (float, float), default (0, 20)
        Relief of the boundaries between packages in ms.
    fold_ms : (float, float), default (3, 45)
        Height of folds below an unconformity in ms.
    dip_ms : (float, float), default (-0.4, 0.4)
        Tilt below an unconformity in ms per trace.
    activity : (float, float), default (0.12, 1)
        Tectonic activity, which scales folds, tilt, relief, throw and the number of faults of an earth.
    unconformity : float, default 0.35
        Chance that a boundary is an angular unconformity.
    n_faults : (float, float), default (0, 4)
        Number of faults per 256 traces.
    throw_ms : (float, float), default (8, 70)
        Largest throw of a fault in ms.
    growth : float, default 0.3
        Chance that a fault is a growth fault.
    channel, mass_transport, mound : float, default 0.3, 0.15, 0.18
        Chance of each at a boundary between packages. A boundary has at most one; channels are drawn first.
    salt : float, default 0.3
        Chance of a salt diapir per 256 traces.
    gas : float, default 0.3
        Chance that gas fills a structural closure, if there is one.
    water : float, default 0.15
        Chance that the section begins with water.
    buried_ms : (float, float), default (0, 2500)
        Two-way time of burial at the top of a section without water, in ms.
    peak_hz : (float, float), default (18, 65)
        Peak frequency of the wavelet in Hz; at most half of Nyquist.
    ormsby : float, default 0.6
        Chance of an Ormsby wavelet instead of a Ricker wavelet.
    q : (float, float), default (60, 400)
        Quality factor.
    smoothing, noise_smoothing : (float, float), default (0.9, 2.5) and (1, 4)
        Lateral smoothing of signal and of noise, in traces.
    mixed_phase : float, default 0.5
        Chance that the phase of the wavelet changes with frequency.
    migration : (float, float), default (0, 0.15)
        Standard deviation of diffraction tails or migration smiles relative to that of the signal.
    noise : (float, float), default (0.05, 0.3)
        Standard deviation of noise relative to that of the signal.
    uneven : (float, float), default (0.1, 1.2)
        Noise that is independent from trace to trace, relative to laterally smooth noise.
    coherent : (float, float), default (0, 0.35)
        Dipping noise relative to random noise.
    footprint : (float, float), default (0, 0.15)
        Strength of the acquisition footprint at the top.
    gain : (float, float), default (0.4, 1)
        Strength of automatic gain control: 0 none, 1 full.
    gain_window_ms : (float, float), default (400, 1200)
        Window of the gain control in ms.
    """

    packages: tuple[tuple[str, float], ...] = (
        ("parallel", 3.0),
        ("onlapping", 1.6),
        ("subparallel", 1.1),
        ("divergent", 1.0),
        ("clinoforms", 1.1),
        ("hummocky", 0.8),
        ("chaotic", 0.7),
        ("reflection-free", 0.7),
    )
    package_ms: Range = (110.0, 400.0)
    bed_ms: Range = (4.0, 14.0)
    relief_ms: Range = (0.0, 20.0)
    fold_ms: Range = (3.0, 45.0)
    dip_ms: Range = (-0.4, 0.4)
    activity: Range = (0.12, 1.0)
    unconformity: float = 0.35
    n_faults: Range = (0.0, 4.0)
    throw_ms: Range = (8.0, 70.0)
    growth: float = 0.3
    channel: float = 0.3
    mass_transport: float = 0.15
    mound: float = 0.18
    salt: float = 0.3
    gas: float = 0.3
    water: float = 0.15
    buried_ms: Range = (0.0, 2500.0)
    peak_hz: Range = (18.0, 65.0)
    ormsby: float = 0.6
    q: Range = (60.0, 400.0)
    smoothing: Range = (0.9, 2.5)
    noise_smoothing: Range = (1.0, 4.0)
    mixed_phase: float = 0.5
    migration: Range = (0.0, 0.15)
    noise: Range = (0.05, 0.3)
    uneven: Range = (0.1, 1.2)
    coherent: Range = (0.0, 0.35)
    footprint: Range = (0.0, 0.15)
    gain: Range = (0.4, 1.0)
    gain_window_ms: Range = (400.0, 1200.0)

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "packages":
                self._check_packages()
            elif field.type == "float" and not 0.0 <= value <= 1.0:
                raise _out_of_range(field.name, f"is {value!r}; it must be a chance from 0 to 1")
            elif field.type == "Range" and not (len(value) == 2 and value[0] <= value[1]):
                raise _out_of_range(field.name, f"is {value!r}; it must be a range (minimum, maximum)")
        for name in ("package_ms", "bed_ms", "activity", "peak_hz", "q", "noise", "gain_window_ms"):
            if not getattr(self, name)[0] > 0.0:
                raise _out_of_range(name, f"is {getattr(self, name)!r}; it must be above 0")

    def _check_packages(self):
        for name, frequency in self.packages:
            if name not in PACKAGES:
                hint = near_matches(name, PACKAGES) or PACKAGES
                raise SeisdreamError(
                    f"There is no package '{name}'; did you mean {', '.join(hint)}?",
                    code="unknown-name",
                    option="packages",
                )
            if frequency < 0.0:
                raise _out_of_range("packages", f"has the frequency {frequency:g} of '{name}'; it must be 0 or more")
        if not sum(frequency for _, frequency in self.packages) > 0.0:
            raise _out_of_range("packages", "has only frequencies of 0; at least one must be above 0")


def _out_of_range(name: str, problem: str) -> SeisdreamError:
    return SeisdreamError(f"`{name}` {problem}.", code="out-of-range", option=name)
