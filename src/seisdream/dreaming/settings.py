"""The recipe: every number of a dream in one frozen record that travels inside every output."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import operator
import os
from dataclasses import dataclass, field
from typing import Any

from seisdream.dreaming.transform_spec import read_robustness
from seisdream.errors import SeisdreamError, near_matches

EDGES = ("wrap", "mirror")
PRECISIONS = ("auto", "float32", "bfloat16")
PARAMETERIZATIONS = ("pixel", "fourier", "phase", "bandlimited", "reflectivity", "impedance")
SPECTRA = ("own", "1/f")
PRIORS = ("tv", "smooth", "none")
KEEPS = ("band", "bounds", "histogram")
# Where a dream's folder keeps its recipe, and the sign that the folder is a dream's.
RECIPE_FILE = "recipe.json"
# The same of a folder of variants, each of which has a recipe of its own.
VARIANTS_FILE = "variants.json"


@dataclass(frozen=True)
class DreamSettings:
    """All settings of a dream; None stands for a default that depends on the section or the network.

    The defaults are those of the original (Mordvintsev, Olah and Tyka 2015), but for edges and zoom on seismic.

    Attributes
    ----------
    input : str
        What was opened: a path or ``sample:NAME``.
    input_options : dict
        How it was opened: inline, crossline, time_ms, key, byte locations, sampling and encodings.
    network, weights, network_options
        Name as `seisdream networks` lists it, file of weights, and stated preprocessing.
    layer : str
        The objective in the little language; None: the network's default layer, or the deepest that the section
        is large enough for.
    guide, mask : str
        Files (or a window, for the mask).
    where : str
        Where the objective counts, as for the mask: the file or the window.
    parameterization : str
        What is free: ``pixel`` (the samples), ``fourier``, ``phase``, ``bandlimited``, ``reflectivity``, ``impedance``.
    spectrum : {"own", "1/f"}
        ``fourier``: the section's own or that of photographs; None: own for amplitudes, 1/f for pictures.
    window_ms : float
        ``phase``: length of windows of time that keep their own spectrum; None: the section as a whole.
    band : str
        ``bandlimited``: corners in Hz, such as ``8-12-60-80``; None: as measured.
    wavelet : str
        ``reflectivity`` and ``impedance``: ``ricker:30``, ``ormsby:8-12-60-80`` or a file; None: as estimated.
    bounds : str
        ``impedance``: least and greatest in 10⁶ kg m⁻² s⁻¹; None: ``1.5-12``.
    prior : {"tv", "smooth", "none"}
        ``impedance``: blocky, smooth, or free within the bounds; None: tv.
    survey : str
        A section whose spectrum, band or wavelet is measured in the input's place.
    keep : str
        Constraints held by projection after every step, with commas: ``band``, ``bounds``, ``histogram``.
    octaves : int
        1 or more; None: 4, or as many as a small section allows.
    octave_scale : float
        Ratio between octaves, above 1; `octave_scale_vertical` and `octave_scale_horizontal` override it for one
        axis and may be 1.
    allow_small : bool
        Dream on a section smaller than a layer's receptive field, whose units then see blank beyond its edges.
    steps : int
        Steps in each octave, 0 or more.
    step_size : float
        Mean change of a step, in grey levels of 255 (255 grey levels span ± the clip amplitude).
    jitter : int
        Largest shift before each look, in samples.
    robust : str
        How much else each look may differ: most shear in samples a trace, stretch of time and gain as shares, and tilt
        of the band in dB an octave, such as ``shear=0.02,stretch=0.05,gain=0.2``; ``mild`` is that; None: jitter alone.
    edges : {"wrap", "mirror"}
        What a shift brings in; None: mirror for amplitudes, wrap for pictures.
    clip : bool
        Keep the network's view within 0 to 255 grey levels.
    percentile : float
        Percentile of absolute amplitude that becomes black and white, 50 to 100.
    colour : bool
        Dream in the network's colours; the result is a colour picture, no longer amplitude.
    levels : int
        Dreams in a row, 1 or more.
    zoom : float
        Share by which the section is enlarged between levels, 0 to below 0.5; None: 0.05 for pictures, 0 for data
        with geometry.
    seed : int
        Of the jitter, and of the input where that is noise.
    precision, device : str
        ``auto``, ``float32``, ``bfloat16``; ``auto``, ``cpu``, ``cuda``, ``mps``.
    tile : int
        Side of a tile in samples; 0: the whole section at once; None: tiles where the section is large.
    """

    input: str | None = None
    input_options: dict[str, Any] = field(default_factory=dict)
    network: str | None = None
    weights: str | None = None
    network_options: dict[str, Any] = field(default_factory=dict)
    layer: str | None = None
    guide: str | None = None
    mask: str | None = None
    where: str | None = None
    parameterization: str = "pixel"
    spectrum: str | None = None
    window_ms: float | None = None
    band: str | None = None
    wavelet: str | None = None
    bounds: str | None = None
    prior: str | None = None
    survey: str | None = None
    keep: str | None = None
    octaves: int | None = None
    octave_scale: float = 1.4
    octave_scale_vertical: float | None = None
    octave_scale_horizontal: float | None = None
    allow_small: bool = False
    steps: int = 10
    step_size: float = 1.5
    jitter: int = 32
    robust: str | None = None
    edges: str | None = None
    clip: bool = True
    percentile: float = 99.0
    colour: bool = False
    levels: int = 1
    zoom: float | None = None
    seed: int = 0
    precision: str = "auto"
    device: str = "auto"
    tile: int | None = None

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            object.__setattr__(self, one.name, _plain(one.name, str(one.type), getattr(self, one.name)))
        for name, is_right, expected in (
            ("parameterization", self.parameterization in PARAMETERIZATIONS, ", ".join(PARAMETERIZATIONS)),
            ("spectrum", self.spectrum in (None, *SPECTRA), " or ".join(SPECTRA)),
            ("window_ms", self.window_ms is None or 0 < self.window_ms < float("inf"), "a length in ms"),
            ("prior", self.prior in (None, *PRIORS), ", ".join(PRIORS)),
            ("keep", set(self.kept) <= set(KEEPS), "some of " + ", ".join(KEEPS) + ", with commas"),
            ("octaves", self.octaves is None or self.octaves >= 1, "1 or more"),
            ("octave_scale", self.octave_scale > 1, "above 1"),
            (
                "octave_scale_vertical",
                self.octave_scale_vertical is None or self.octave_scale_vertical >= 1,
                "1 or more",
            ),
            (
                "octave_scale_horizontal",
                self.octave_scale_horizontal is None or self.octave_scale_horizontal >= 1,
                "1 or more",
            ),
            ("steps", self.steps >= 0, "0 or more"),
            ("step_size", 0 <= self.step_size < float("inf"), "0 or more"),
            ("jitter", self.jitter >= 0, "0 or more samples"),
            ("edges", self.edges in (None, *EDGES), " or ".join(EDGES)),
            ("percentile", 50 <= self.percentile <= 100, "50 to 100"),
            ("levels", self.levels >= 1, "1 or more"),
            ("zoom", self.zoom is None or 0 <= self.zoom < 0.5, "0 to below 0.5"),
            ("seed", self.seed >= 0, "0 or more"),
            ("precision", self.precision in PRECISIONS, ", ".join(PRECISIONS)),
            ("tile", self.tile is None or self.tile >= 0, "0 (whole) or a side in samples"),
        ):
            if not is_right:
                option = "--" + name.replace("_", "-")
                raise SeisdreamError(f"{option} is {getattr(self, name)}; it must be {expected}.")
        read_robustness(self.robust)

    @property
    def kept(self) -> tuple[str, ...]:
        """The constraints held by projection, one by one."""
        return tuple(word.strip() for word in (self.keep or "").split(",") if word.strip())

    @property
    def octave_scales(self) -> tuple[float, float]:
        """The ratios between octaves, down the section and across it."""
        return (
            self.octave_scale_vertical or self.octave_scale,
            self.octave_scale_horizontal or self.octave_scale,
        )

    def to_json(self) -> str:
        """Return the settings as one line of JSON."""
        return json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DreamSettings:
        """Make a recipe from plain values; raise `SeisdreamError` for a setting it does not know."""
        known = [one.name for one in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                near = near_matches(name, known) or known
                raise SeisdreamError(f"A recipe has no setting '{name}'; did you mean {', '.join(near)}?")
        return cls(**values)

    def sha256(self) -> str:
        """Return the SHA-256 of the settings, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def _plain(name: str, kind: str, value: Any) -> Any:
    """Return a setting as the plain type that JSON knows; raise `SeisdreamError` where it is of another kind."""
    if value is None:
        if "None" in kind:
            return None
        raise SeisdreamError(f"--{name.replace('_', '-')} is missing.")
    wanted = kind.removesuffix(" | None")
    try:
        if wanted == "int":
            return operator.index(value)
        if wanted == "float":
            return float(value)
        if wanted == "bool":
            return bool(value)
        if wanted == "str":
            return os.fspath(value)
        return json.loads(json.dumps(dict(value)))
    except (TypeError, ValueError) as error:
        raise SeisdreamError(
            f"--{name.replace('_', '-')} is {value!r}; it must be a {wanted.partition('[')[0]}."
        ) from error
