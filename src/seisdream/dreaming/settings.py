"""The settings of a dream: every number of it in one frozen record that travels inside every output."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from seisdream.dreaming.variation import MAXIMA, MILD, parse_variation
from seisdream.results.presets import PRESETS, auto_text
from seisdream.settings import Settings, setting

BOUNDARIES = ("wrap", "mirror")
PRECISIONS = ("auto", "float32", "bfloat16")
PARAMETERIZATIONS = ("pixel", "fourier", "phase", "bandlimited", "reflectivity", "impedance")
SPECTRA = ("own", "1/f")
PRIORS = ("tv", "smooth", "none")
CONSTRAINTS = ("band", "bounds", "histogram")
KINDS = ("section", "variants", "cube", "volume")
"""What a dream runs on: one section, several dreams of one section, a cube, or a whole volume block by block."""


def _check_rising(values: tuple[float, ...]) -> str | None:
    is_rising = all(one < other for one, other in itertools.pairwise(values))
    return None if is_rising else "numbers that increase"


def _check_variation(amounts: dict[str, Any]) -> str | None:
    for name, amount in amounts.items():
        if name not in MAXIMA:
            return "a mapping with the keys " + ", ".join(MAXIMA)
        if not isinstance(amount, int | float) or not 0 <= amount <= MAXIMA[name]:
            return f"0 to {MAXIMA[name]:g} for {name}"
    return None


@dataclass(frozen=True)
class DreamSettings(Settings):
    """All settings of a dream; None stands for a default that depends on the input or the network.

    What is optimized and how steps are taken depends on the `preset`: that for amplitudes, or that of the original
    (Mordvintsev, Olah and Tyka 2015). A setting that is given takes precedence.

    Examples
    --------
    >>> settings = DreamSettings(parameterization="bandlimited", band=(8, 12, 60, 80))
    >>> settings.replace(steps=20).band
    (8.0, 12.0, 60.0, 80.0)
    """

    input: str | None = setting(None, "File, or sample:NAME, or noise:HEIGHTxWIDTH.", group="Input", is_hidden=True)
    input_options: dict[str, Any] = setting({}, "How the input was opened.", group="Input", is_hidden=True)
    network: str | None = setting(None, "Name or file of the network.", group="Network", is_hidden=True)
    weights: str | None = setting(None, "File of weights.", group="Network", is_hidden=True)
    network_options: dict[str, Any] = setting({}, "Preprocessing and classes.", group="Network", is_hidden=True)

    layer: str | None = setting(
        None,
        "What to increase: LAYER, LAYER:12 (a channel), LAYER:12@neuron, LAYER:12@ROW,COLUMN, class:NAME, "
        "probability:NAME, direction:LAYER@FILE, concept:LAYER/7, caricature:LAYER, inversion:LAYER, style:LAYER, "
        "diversity:LAYER, each also as NETWORK::…, or a sum such as 'class:salt - 0.5*penalty:tv'.",
        group="Objective",
        is_primary=True,
        auto="the network's default layer",
        metavar="L",
    )
    concepts: str | None = setting(
        None,
        "Folder of `seisdream concepts`, for concept:LAYER/NUMBER or concept:LAYER/NAME.",
        group="Objective",
        metavar="FOLDER",
    )
    guide: str | None = setting(
        None,
        "Make the layer, style or inversion resemble that of this section or picture.",
        group="Objective",
        metavar="FILE",
        unsupported=("cube", "volume"),
    )
    mask: str | None = setting(
        None,
        "Where the dream may change samples: a picture, a polygon file (a horizontal and a vertical coordinate a "
        "line), or a window such as 'time=800:1200,crossline=400:600'.",
        group="Objective",
        is_primary=True,
        metavar="FILE|WINDOW",
        unsupported=("cube", "volume"),
    )
    objective_mask: str | None = setting(
        None,
        "Restrict the objective to this region (same formats as `mask`).",
        group="Objective",
        metavar="FILE|WINDOW",
        unsupported=("cube", "volume"),
    )

    preset: str | None = setting(
        None,
        "Defaults of `parameterization`, `steps` and `step_size`: seismic keeps the survey's spectrum; 2015 is the "
        "original recipe, with its boundary and zoom.",
        is_primary=True,
        choices=tuple(PRESETS),
        auto="seismic; 2015 for pictures, in colour, and for networks that take colours",
    )

    parameterization: str | None = setting(
        None,
        "What is optimized: the samples, their Fourier spectrum, their phase, a change within the survey's band, "
        "reflection coefficients, or acoustic impedance.",
        group="Parameterization",
        is_primary=True,
        choices=PARAMETERIZATIONS,
        auto=f"{auto_text('parameterization')} and for cubes in blocks",
    )
    spectrum: str | None = setting(
        None,
        "fourier: how strong each frequency is.",
        group="Parameterization",
        choices=SPECTRA,
        auto="own; 1/f for pictures",
    )
    window_ms: float | None = setting(
        None,
        "phase: keep the spectrum of time windows of this length.",
        group="Parameterization",
        above=0,
        maximum=1e6,
        metavar="MS",
        unsupported=("cube",),
    )
    band: tuple[float, float, float, float] | None = setting(
        None,
        "bandlimited: corner frequencies in Hz, such as 8-12-60-80.",
        group="Parameterization",
        minimum=0,
        metavar="F1-F2-F3-F4",
        separator="-",
        auto="measured",
    )
    wavelet: str | None = setting(
        None,
        "reflectivity, impedance: ricker:30, ormsby:8-12-60-80, or a file of samples.",
        group="Parameterization",
        metavar="W",
        auto="estimated",
    )
    bounds: tuple[float, float] | None = setting(
        None,
        "impedance: smallest and largest value in 10⁶ kg m⁻² s⁻¹.",
        group="Parameterization",
        above=0,
        metavar="LOW-HIGH",
        separator="-",
        auto="1.5-12",
        check=_check_rising,
    )
    prior: str | None = setting(
        None,
        "impedance: blocky (tv), smooth, or anything within the bounds (none).",
        group="Parameterization",
        choices=PRIORS,
        auto="tv",
    )
    reference_section: str | None = setting(
        None,
        "Measure the spectrum, band or wavelet on this section instead of the input.",
        group="Parameterization",
        metavar="FILE",
        unsupported=("cube", "volume"),
    )
    constraints: tuple[str, ...] = setting(
        (),
        "Keep the input's band, amplitude bounds or histogram after every step; separate several by commas.",
        group="Parameterization",
        choices=CONSTRAINTS,
        metavar="NAMES",
    )

    octaves: int | None = setting(
        None,
        "How many sizes to dream at.",
        is_primary=True,
        minimum=1,
        maximum=100,
        metavar="N",
        auto="4 for sections, 3 for cubes, 1 for cubes in blocks, fewer where the input is small",
    )
    octave_scale: float = setting(1.4, "Ratio between octaves.", above=1, maximum=100, metavar="X")
    octave_scale_vertical: float | None = setting(
        None,
        "Ratio between octaves down the section; 1 keeps its height.",
        minimum=1,
        maximum=100,
        metavar="X",
        auto="`octave_scale`",
    )
    octave_scale_horizontal: float | None = setting(
        None,
        "Ratio between octaves across the section; 1 keeps its width.",
        minimum=1,
        maximum=100,
        metavar="X",
        auto="`octave_scale`",
    )
    allow_undersized: bool = setting(
        False,
        "Dream on a section smaller than the layer's receptive field, which then extends beyond its edges.",
        unsupported=("cube",),
    )
    steps: int | None = setting(
        None,
        "Steps in each octave.",
        is_primary=True,
        minimum=0,
        maximum=1_000_000,
        metavar="N",
        auto=auto_text("steps"),
    )
    step_size: float | None = setting(
        None,
        "Mean change of a step, in grey levels of 255, which span ± the clip amplitude.",
        is_primary=True,
        minimum=0,
        maximum=1e6,
        metavar="X",
        auto=auto_text("step_size"),
    )
    smooth: float = setting(
        0.0,
        "Smooth each gradient at half, one and two times this scale in samples, so that a dream has less energy at "
        "wavenumbers that no survey records; 0 for none.",
        minimum=0,
        maximum=32,
        metavar="X",
    )
    jitter: int = setting(
        32,
        "Largest random shift before each forward pass, in samples; at most a quarter of a cube's shortest side.",
        minimum=0,
        maximum=100_000,
        metavar="N",
    )
    transforms: dict[str, Any] | None = setting(
        None,
        "Vary the section before each forward pass: largest shear (samples a trace), stretch and gain (shares), and "
        f"band (dB an octave), such as {MILD}, for which mild is short.",
        metavar="AMOUNTS",
        auto="jitter alone",
        parse=parse_variation,
        check=_check_variation,
        unsupported=("cube",),
    )
    boundary: str | None = setting(
        None,
        "What a shift brings in at an edge.",
        choices=BOUNDARIES,
        auto="mirror for seismic, wrap for pictures and with the preset 2015",
    )
    clip: bool = setting(
        True,
        "Keep the network's input within 0 to 255 grey levels, or, where amplitudes are normalised by their "
        "statistics, within the section's largest amplitude.",
    )
    percentile: float = setting(
        99.0, "Percentile of absolute amplitude that becomes black and white.", minimum=50, maximum=100, metavar="P"
    )
    colour: bool = setting(
        False,
        "Dream in the network's colours; the result is a picture, no longer amplitude.",
        unsupported=("cube", "volume"),
    )
    levels: int = setting(
        1,
        "Dreams in a row, each on the result of the one before (8 in the post of 2015).",
        is_primary=True,
        minimum=1,
        maximum=10_000,
        metavar="N",
    )
    zoom: float | None = setting(
        None,
        "Enlargement between levels.",
        minimum=0,
        below=0.5,
        metavar="X",
        auto="0.05 for pictures and with the preset 2015, 0 for data with geometry",
        unsupported=("cube", "volume"),
    )
    variants: int | None = setting(
        None,
        "Dream N times at once, with seeds that count up; diversity:LAYER in the objective makes them differ.",
        group="Objective",
        minimum=2,
        maximum=10_000,
        metavar="N",
        unsupported=("cube", "volume"),
    )
    seed: int = setting(
        0, "Random seed (jitter, transforms, noise).", is_primary=True, minimum=0, maximum=2**63 - 1, metavar="N"
    )
    precision: str = setting(
        "auto", "Precision of the layers; auto is bfloat16 where the hardware has it.", choices=PRECISIONS
    )
    device: str = setting("auto", "auto, cpu, cuda or mps.", metavar="NAME")
    tile: int | None = setting(
        None,
        "Side of a tile in samples; 0 for none.",
        minimum=0,
        maximum=1_000_000,
        metavar="N",
        auto="1024 for sections above 2 million samples",
        unsupported=("cube",),
    )

    @property
    def octave_scales(self) -> tuple[float, float]:
        """The ratios between octaves, down the section and across it."""
        return (
            self.octave_scale_vertical or self.octave_scale,
            self.octave_scale_horizontal or self.octave_scale,
        )
