"""Draw F3 inline 362 before and after a dream by each parameterization, with its statistics.

    python docs/draw_parameterizations.py [SHARED] [--layer class:clinoforms]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project. Writes docs/pictures/parameterizations.jpg and prints the numbers that the page draws on.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from draw_pictures import save
from matplotlib.figure import Figure

import seisdream as sd
from seisdream.seismic.attributes import dip_and_coherence
from seisdream.seismic.sections import GreyMapping
from seisdream.seismic.spectrum import amplitude_spectrum

SHARED = Path(__file__).parents[2] / "shared"
DT_MS = 4.0
DREAMS = {
    "pixel": {"parameterization": "pixel"},
    "fourier": {"parameterization": "fourier"},
    "phase": {"parameterization": "phase"},
    "phase, windows of 400 ms": {"parameterization": "phase", "window_ms": 400.0},
    "bandlimited": {"parameterization": "bandlimited"},
    "reflectivity": {"parameterization": "reflectivity"},
    "impedance": {"parameterization": "impedance"},
}


def open_line(shared):
    """Return the line below its muted first samples."""
    with np.load(shared / "data" / "f3_inline362.npz") as file:
        coords = {"time": file["time_ms"][14:].astype(float), "crossline": file["crossline"]}
        return sd.make_section(file["amplitude"][14:], dims=("time", "crossline"), coords=coords)


def describe(values):
    """Return amplitudes' kurtosis, energy above 70 Hz in dB, median dip in samples a trace, median coherence."""
    freq_hz, spectrum = amplitude_spectrum(values, DT_MS)
    dip, coherence = dip_and_coherence(values)
    high = 10 * np.log10((spectrum[freq_hz > 70] ** 2).sum() / (spectrum**2).sum())
    kurtosis = np.mean((values / values.std()) ** 4)
    return kurtosis, high, np.median(np.abs(dip)), np.median(coherence)


def draw(section, dreams):
    clip, mapping = np.percentile(np.abs(section.values), 99), GreyMapping.of(section)
    figure = Figure(figsize=(13.5, 2.0 * len(dreams)), dpi=100, layout="constrained")
    axes = figure.subplots(len(dreams), 5, width_ratios=(2.6, 1, 1, 1, 1))
    for row, (name, values) in zip(axes, dreams.items(), strict=True):
        row[0].imshow(mapping.to_grey(values), cmap="gray", vmin=0, vmax=255, aspect="auto")
        row[0].set_title(name, fontsize=9, loc="left", pad=2)
        row[0].set_axis_off()
        for drawn, colour in ((section.values, "0.5"), (values, "C3")):
            for axis, (x, y) in zip(row[1:], curves(drawn, clip), strict=True):
                axis.plot(x, y, color=colour, linewidth=1)
        for axis in row[1:]:
            axis.tick_params(labelsize=7)
            axis.set_yticks([])
        row[1].set_yscale("log")
        row[2].set_ylim(-60, 3)
        row[2].set_yticks([-60, -40, -20, 0])
    titles = ("Amplitude / clip (log count)", "Spectrum (dB, Hz)", "Dip (samples a trace)", "Coherence")
    for axis, title in zip(axes[0, 1:], titles, strict=True):
        axis.set_title(title, fontsize=8, loc="left", pad=2)
    return figure


def curves(values, clip):
    """Yield the plotted curves: histogram of amplitude, spectrum, histograms of dip and coherence."""
    counts, edges = np.histogram(values / clip, np.linspace(-2.5, 2.5, 101))
    yield 0.5 * (edges[1:] + edges[:-1]), counts + 1
    freq_hz, spectrum = amplitude_spectrum(values, DT_MS)
    yield freq_hz, 20 * np.log10(np.convolve(spectrum, np.ones(5) / 5, mode="same") / spectrum.max() + 1e-6)
    dip, coherence = dip_and_coherence(values)
    counts, edges = np.histogram(dip, np.linspace(-1.5, 1.5, 61))
    yield 0.5 * (edges[1:] + edges[:-1]), counts
    counts, edges = np.histogram(coherence, np.linspace(0, 1, 41))
    yield 0.5 * (edges[1:] + edges[:-1]), counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--layer", default="class:clinoforms")
    options = parser.parse_args()
    matplotlib.use("agg")
    section, network = open_line(options.shared), sd.load_network("facies")
    dreams = {"before": section.values}
    print("kurtosis, dB above 70 Hz, median |dip|, median coherence; score, repeatability, band")
    print("before", *(f"{number:.2f}" for number in describe(section.values)))
    for name, settings in DREAMS.items():
        result = sd.dream(section, network, options.layer, precision="float32", steps=10, step_size=1.5, **settings)
        dreams[name] = result.dream.values
        numbers = " ".join(f"{number:.2f}" for number in describe(dreams[name]))
        print(
            name, numbers, f"{result.scores[-1]['score']:.2f}", result.repeatability, result.settings.band, flush=True
        )
    save(draw(section, dreams), "parameterizations", dpi=72)


if __name__ == "__main__":
    main()
