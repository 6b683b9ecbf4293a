"""Measure which steps of harmonisation before a network help predictions, each alone and together.

    python benchmarks/harmonise.py [--network facies] [--earths 8] [--steps none scale spectrum gain all]
    python benchmarks/harmonise.py --ranges

Steps: `scale` resamples a section into the range of the network's training data (`seisdream predict` does so by
default); `spectrum` brings the mean amplitude spectrum in time half-way (in dB, by at most 12 dB) to that of the
training data, like the first step of MLReal (Alkhalifah et al., 2022); `gain` divides by the square root of the local
RMS amplitude. Printed for each step:

- the accuracy on generated earths as they are (4 ms), and resampled to 2 ms, 1 ms, traces twice as close, and twice as
  far apart;
- the agreement of the map of F3 inline 362 and of line 31-81 (../shared/data; 512 samples), resampled in the same ways,
  with the map of the line as it was recorded;
- the accuracy of the map on the textures of F3 (`benchmarks/textures.py`, without augmentations);
- the mean IoU on generated earths inside and outside the training range: `generated`, the shifts one by one, all.

`--ranges` prints the ranges of mean frequency and mean wavenumber of 64 generated earths, as training records them.
"""

import argparse
import os
from functools import cache
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.signal import resample_poly
from textures import MEANT, open_line, scribbled

import seisdream
from seisdream.data.synthetic_stream import SHIFTS, GeneratedEarths
from seisdream.evaluation.confusion import ConfusionCounter
from seisdream.evaluation.test_sets import open_held_out
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.seismic.spectrum import amplitude_spectrum, mean_frequency, mean_wavenumber
from seisdream.training.presets import VALIDATION_SEED
from seisdream.training.run_files import spectral_range

SHARED = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
STEPS = ("none", "scale", "spectrum", "gain", "all")
SIDE, MAX_GAIN = 256, 10 ** (12 / 20)
FREQUENCIES = np.linspace(0.0, 0.5, 65)


def finer(values, axis, factor):
    """Return samples that many times as close along an axis."""
    return resample_poly(values, factor, 1, axis=axis)


SAMPLINGS = {
    "as recorded": (lambda values: values, (1, 1)),
    "2 ms": (lambda values: finer(values, 0, 2), (2, 1)),
    "1 ms": (lambda values: finer(values, 0, 4), (4, 1)),
    "traces x2": (lambda values: finer(values, 1, 2), (1, 2)),
    "traces /2": (lambda values: values[:, ::2], (1, 0.5)),
}
"""From a section to another sampling, and the number of its samples and traces for each of the section's."""


@cache
def validation_earths(n_earths):
    """Return the amplitudes of earths like those of training."""
    earths = GeneratedEarths(VALIDATION_SEED, size=SIDE, augmentation=None)
    return [earths[number].image[0] for number in range(n_earths)]


@cache
def held_out_earths(source, n_earths):
    """Return the amplitudes of earths that no training saw, with their classes."""
    return [(section.values, labels) for section, labels in open_held_out(source, n_earths).held_out]


@cache
def training_spectrum(n_earths=16):
    """Return the mean amplitude spectrum of earths like those of training, at `FREQUENCIES`."""
    return np.sqrt(np.mean([spectrum_of(values) ** 2 for values in validation_earths(n_earths)], axis=0))


def spectrum_of(values):
    """Return the smooth amplitude spectrum in time of a section of unit RMS amplitude, at `FREQUENCIES`."""
    frequency, spectrum = amplitude_spectrum(values, 1000.0)
    power = gaussian_filter1d(spectrum**2, 0.01 / frequency[1], mode="nearest")
    spectrum = np.sqrt(np.interp(FREQUENCIES, frequency, power))
    return spectrum / np.sqrt(np.mean(spectrum**2))


def match_spectrum(values):
    """Bring the spectrum of a section half-way to that of training."""
    factor = np.clip(np.sqrt(training_spectrum() / (spectrum_of(values) + 1e-3)), 1 / MAX_GAIN, MAX_GAIN)
    spectrum = np.fft.rfft(values, axis=0)
    spectrum *= np.interp(np.fft.rfftfreq(len(values)), FREQUENCIES, factor)[:, None]
    return np.fft.irfft(spectrum, len(values), axis=0)


def even_gain(values, window=100):
    """Divide a section by the square root of its local RMS amplitude."""
    rms = np.sqrt(gaussian_filter(values**2, window / 2.5))
    return values / np.sqrt(rms / rms.mean() + 0.05)


class Mapper:
    """A network that maps sections after a step of harmonisation."""

    def __init__(self, network, step):
        self.step = step
        is_scaled = step in ("scale", "all")
        self.predictor = Predictor(network, PredictionSettings(augmentations=0, as_is=not is_scaled))

    def __call__(self, values):
        """Return probabilities ``(class, time, trace)``."""
        section = seisdream.make_section(np.ascontiguousarray(values, np.float32), dt_ms=4.0, muted="present")
        predictor = self.predictor.harmonised_with(section)
        if self.step in ("spectrum", "all"):
            values = match_spectrum(values)
        if self.step in ("gain", "all"):
            values = even_gain(values)
        section = section.copy(data=np.ascontiguousarray(values, np.float32))
        return predictor(section).probabilities.values

    def classes(self, values):
        """Return the most probable class at each sample."""
        return self(values).argmax(0)


def resampled(values, per_section):
    """Return labels at another sampling, by the nearest sample."""
    for axis, factor in enumerate(per_section):
        n = round(values.shape[axis] * factor)
        values = np.take(values, (np.arange(n) / factor).astype(int), axis=axis)
    return values


def on_samplings(mapper, n_earths):
    """Return the accuracy on earths at each sampling."""

    def accuracy(values, labels, change, factors):
        return np.mean(mapper.classes(change(values)) == resampled(labels, factors))

    earths = held_out_earths("generated", n_earths)
    return [np.mean([accuracy(*earth, *sampling) for earth in earths]) for sampling in SAMPLINGS.values()]


def on_line(mapper, plain, values):
    """Return the agreement with the map of a line as it was recorded, at each sampling."""
    recorded = plain.classes(values)
    agreement = []
    for change, factors in SAMPLINGS.values():
        mapped = mapper.classes(change(values))
        # At the samples that both have.
        steps = [max(1, int(factor)) for factor in factors]
        own = mapped[:: steps[0], :: steps[1]][: len(recorded)]
        other = recorded if factors[1] >= 1 else recorded[:, :: int(1 / factors[1])]
        agreement.append(np.mean(own == other))
    return agreement


def on_textures(mapper, network):
    """Return the mean share of samples of each texture of F3 that are mapped as the facies that it is."""
    section = open_line()
    names, codes = scribbled(section.shape)
    classes = mapper.classes(section.values)
    return np.mean(
        [np.mean(classes[codes == code] == network.classes.index(MEANT[name])) for code, name in enumerate(names)]
    )


def mean_iou(mapper, source, n_earths):
    """Return the mean IoU on held-out earths."""
    counter = ConfusionCounter(GeneratedEarths.classes)
    for values, labels in held_out_earths(source, n_earths):
        probabilities = torch.from_numpy(mapper(values))[None]
        counter.update(probabilities, torch.from_numpy(labels)[None], are_probabilities=True)
    return counter.scores().mean_iou


def print_ranges():
    """Print the ranges of generated earths."""
    earths = validation_earths(64)
    for name, measure in (("frequencies", mean_frequency), ("wavenumbers", mean_wavenumber)):
        print(f"{name}={spectral_range([measure(one) for one in earths])}")


def row(*values):
    """Return numbers as the columns of a table."""
    return "".join(f"{value:>13.3f}" if isinstance(value, float) else f"{value:>13}" for value in values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="facies")
    parser.add_argument("--earths", type=int, default=8)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--ranges", action="store_true", help="print the ranges of generated earths, and nothing else")
    options = parser.parse_args()
    if options.ranges:
        print_ranges()
        return
    network = seisdream.load_network(options.network)
    print(f"training: frequencies {network.frequencies}, wavenumbers {network.wavenumbers}")
    mappers = {step: Mapper(network, step) for step in options.steps}
    plain = Mapper(network, "none")
    lines = {
        "F3 inline 362": open_line().values,
        "line 31-81": seisdream.open_section(SHARED / "data" / "31_81_PR.sgy", muted="present").values[200:712],
    }
    print(f"{'generated: accuracy':24}{row(*SAMPLINGS)}")
    for step, mapper in mappers.items():
        print(f"{step:24}{row(*map(float, on_samplings(mapper, options.earths)))}", flush=True)
    for name, values in lines.items():
        print(f"{name + ': agreement':24}{row(*SAMPLINGS)}")
        for step, mapper in mappers.items():
            print(f"{step:24}{row(*map(float, on_line(mapper, plain, values)))}", flush=True)
    sources = ("generated", *(f"generated:{shift}" for shift in SHIFTS), "generated:shifted")
    print(f"{'':24}{row('textures', 'generated', *SHIFTS, 'shifted')}   (accuracy; mean IoU)")
    for step, mapper in mappers.items():
        scores = [mean_iou(mapper, source, options.earths) for source in sources]
        print(f"{step:24}{row(float(on_textures(mapper, network)), *map(float, scores))}", flush=True)


if __name__ == "__main__":
    main()
