"""What a generated earth is made of: how often, how much, within which ranges."""

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
"""The kinds of package that fill a section from top to bottom."""


@dataclass(frozen=True)
class EarthSettings:
    """Ranges from which each earth is drawn; what is a chance is between 0 and 1.

    Attributes
    ----------
    packages : tuple of (str, float)
        Relative frequencies of the `PACKAGES`.
    package_ms : (float, float), default (110, 400)
        Mean thicknesses of packages.
    bed_ms : (float, float), default (4, 14)
        Mean thicknesses of beds.
    relief_ms : (float, float), default (0, 20)
        Relief of the boundaries between packages.
    fold_ms : (float, float), default (3, 45)
        Heights of folds below an unconformity.
    dip_ms : (float, float), default (-0.4, 0.4)
        Tilt below an unconformity, ms a trace.
    activity : (float, float), default (0.12, 1)
        How active a basin is: scales folds, tilt, relief, throw and the number of faults of each earth.
    unconformity : float, default 0.35
        Chance that a boundary is an angular unconformity.
    n_faults : (float, float), default (0, 4)
        Faults in 256 traces.
    throw_ms : (float, float), default (8, 70)
        Greatest throws.
    growth : float, default 0.3
        Chance that a fault grew while beds settled.
    channel, mass_transport, mound : float, default 0.3, 0.15, 0.18
        Chance of each at a boundary between packages; one at most stands on a boundary, channels before the others.
    salt : float, default 0.3
        Chance of a diapir in 256 traces.
    gas : float, default 0.3
        Chance that gas is looked for; it is found where there is a closure.
    water : float, default 0.15
        Chance that the section begins in water.
    buried_ms : (float, float), default (0, 2500)
        Two-way time of burial at the top of a section that does not.
    peak_hz : (float, float), default (18, 65)
        Dominant frequencies of wavelets; half of Nyquist at most.
    ormsby : float, default 0.6
        Chance of an Ormsby wavelet rather than a Ricker wavelet.
    q : (float, float), default (60, 400)
        Quality factors.
    smoothing, noise_smoothing : (float, float), default (0.9, 2.5) and (1, 4)
        Lateral smoothing of signal and of noise, in traces.
    noise : (float, float), default (0.05, 0.3)
        Standard deviation of noise over that of the signal.
    uneven : (float, float), default (0.1, 1.2)
        Noise that each trace has for itself, over noise that neighbours share.
    coherent : (float, float), default (0, 0.35)
        Dipping noise over random noise.
    footprint : (float, float), default (0, 0.15)
        Strength of the acquisition footprint at the top.
    gain : (float, float), default (0.4, 1)
        How far amplitudes are evened out: 0 not at all, 1 fully (automatic gain control).
    gain_window_ms : (float, float), default (400, 1200)
        Length of the window of that gain.
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
                raise SeisdreamError(f"{field.name} is a chance, from 0 to 1; got {value!r}.")
            elif field.type == "Range" and not (len(value) == 2 and value[0] <= value[1]):
                raise SeisdreamError(f"{field.name} is a range (least, greatest); got {value!r}.")
        for name in ("package_ms", "bed_ms", "activity", "peak_hz", "q", "noise", "gain_window_ms"):
            if not getattr(self, name)[0] > 0.0:
                raise SeisdreamError(f"{name} must be greater than 0; got {getattr(self, name)!r}.")

    def _check_packages(self):
        for name, frequency in self.packages:
            if name not in PACKAGES:
                hint = near_matches(name, PACKAGES) or PACKAGES
                raise SeisdreamError(f"There is no package {name!r}; did you mean {', '.join(hint)}?")
            if frequency < 0.0:
                raise SeisdreamError(f"The frequency of package {name!r} must not be negative; got {frequency:g}.")
        if not sum(frequency for _, frequency in self.packages) > 0.0:
            raise SeisdreamError("At least one package must have a frequency greater than 0.")
