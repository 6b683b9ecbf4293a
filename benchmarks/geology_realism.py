"""Measure how similar generated sections are to real seismic, and how well a small network distinguishes them.

    python benchmarks/geology_realism.py [--blocks test] [--figure FILE.png]

First a table: amplitude (excess kurtosis), spectrum (frequencies below which 10, 50 and 90 % of the power lie, over
Nyquist), lateral coherence (correlation of traces 1, 2, 5, 10 and 30 apart) and dips by the structure tensor (median
and 90th percentile of the absolute dip in samples a trace, and the linearity of the texture), each as median and
10th to 90th percentile over 128 × 128 windows of F3 inline 362, of line 31-81 and of generated sections.

Then the hard test: a small convolutional network is trained to distinguish real from generated 64 × 64 patches, each
scaled to unit standard deviation, and its AUC is measured on blocks of the lines (and on earths) that were not used in
training: 1.0 is trivially easy, 0.5 is indistinguishable. Lines are split by blocks of traces with a guard band
between. The generator was tuned with --blocks tuning, which trains and tests within the training blocks; --blocks test
is the reported number. Two lines contain little geology, so a fault or a steep dip alone reveals a generated patch,
and the AUC cannot fall to 0.5 for a generator with much geology.
"""

import argparse
import os
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import segyio
import torch
from scipy.ndimage import gaussian_filter, sobel
from scipy.stats import kurtosis, rankdata

from seisdream.synthetic import generate_sections

PATCH, WINDOW = 64, 128
# Shares of a line's traces: where the network trains and is tested, with a guard of more than a patch between.
BLOCKS = {"tuning": ((0.0, 0.36), (0.42, 0.6)), "test": ((0.0, 0.6), (0.7, 1.0))}
LAST_MS = 4000.0  # Line 31-81 records 6 s, of which the last third is noise.


def open_lines(shared):
    """Return the real lines as arrays ``(time, trace)`` by name, both sampled at 4 ms."""
    f3 = np.load(shared / "data" / "f3_inline362.npz")["amplitude"].astype(np.float32)
    with segyio.open(shared / "data" / "31_81_PR.sgy", ignore_geometry=True) as file:
        alaska = file.trace.raw[:].T[: int(LAST_MS / 4.0)]
    return {"F3 inline 362": f3[14:], "line 31-81": alaska.astype(np.float32)}


def cut(line, size, n, rng, block=(0.0, 1.0)):
    """Return random windows of a line ``(n, size, size)`` of unit deviation, none of them with muted samples."""
    first, last = (int(share * line.shape[1]) for share in block)
    windows = []
    while len(windows) < n:
        row = rng.integers(line.shape[0] - size + 1)
        column = rng.integers(first, max(last - size, first) + 1)
        window = line[row : row + size, column : column + size]
        if np.mean(window == 0.0) < 0.01:
            windows.append(window / window.std())
    return np.array(windows)


def describe(window):
    """Return the statistics of a window by name."""
    power = np.mean(np.abs(np.fft.rfft(window * np.hanning(len(window))[:, None], axis=0)) ** 2, axis=1)
    share = np.cumsum(power) / power.sum()
    vertical, lateral = sobel(window, axis=0), sobel(window, axis=1)
    tensor = [gaussian_filter(product, 3.0) for product in (vertical**2, vertical * lateral, lateral**2)]
    spread = np.hypot(tensor[0] - tensor[2], 2.0 * tensor[1])
    dip = np.abs(np.tan(0.5 * np.arctan2(2.0 * tensor[1], tensor[0] - tensor[2])))
    found = {"kurtosis": kurtosis(window.ravel())}
    for percent in (10, 50, 90):
        found[f"spectrum {percent} %"] = np.searchsorted(share, percent / 100.0) / (len(power) - 1)
    for lag in (1, 2, 5, 10, 30):
        one, other = window[:, :-lag], window[:, lag:]
        found[f"correlation at {lag}"] = np.mean(
            np.sum(one * other, 0) / (np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0) + 1e-9)
        )
    found["dip, median"], found["dip, 90 %"] = np.percentile(dip, 50), np.percentile(dip, 90)
    found["linearity"] = np.mean(spread / (tensor[0] + tensor[2] + 1e-9))
    return found


def network():
    """Return a small convolutional classifier of patches ``(batch, 1, 64, 64)``."""
    layers, n_in = [], 1
    for n_out in (16, 24, 32, 48):
        layers += [
            torch.nn.Conv2d(n_in, n_out, 5 if n_in == 1 else 3, padding=1, stride=2),
            torch.nn.BatchNorm2d(n_out),
            torch.nn.ReLU(),
        ]
        n_in = n_out
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(n_in, 1))


def tell_apart(real, generated, n_epochs, seed=0):
    """Train a network to know real patches; return it. Patches are mirrored at random."""
    torch.manual_seed(seed)
    patches = torch.from_numpy(np.concatenate([real, generated]))[:, None]
    labels = torch.cat([torch.ones(len(real)), torch.zeros(len(generated))])
    model = network()
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=1e-3)
    n_batches = len(labels) // 64
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=n_epochs * n_batches)
    for _ in range(n_epochs):
        for batch in torch.randperm(len(labels))[: n_batches * 64].reshape(n_batches, 64):
            shown = patches[batch]
            shown = shown.flip(-1) if torch.rand(()) < 0.5 else shown
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(shown)[:, 0], labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def auc(scores, is_real):
    """Return the chance that a real patch scores above a generated one."""
    ranks, n_real = rankdata(scores), is_real.sum()
    return (ranks[is_real].sum() - n_real * (n_real + 1) / 2) / (n_real * (~is_real).sum())


def print_table(statistics):
    names = list(statistics)
    print(f"{'':18}" + "".join(f"{name:>28}" for name in names))
    for key in statistics[names[0]][0]:
        row = []
        for name in names:
            low, middle, high = np.percentile([found[key] for found in statistics[name]], (10, 50, 90))
            row.append(f"{middle:8.2f} ({low:6.2f} to {high:6.2f})")
        print(f"{key:18}" + "".join(f"{text:>28}" for text in row))


def draw(windows, statistics, file):
    """Draw amplitude histograms, spectra, coherence and dips side by side, and windows of each kind above."""
    figure, axes = plt.subplots(2, 4, figsize=(14, 7), layout="constrained")
    for axis, (name, shown) in zip(axes[0], [*windows.items(), ("generated", windows["generated"][1:])], strict=True):
        axis.imshow(shown[0], cmap="gray", vmin=-2.5, vmax=2.5, aspect="auto")
        axis.set(title=name, xlabel="trace", ylabel="sample")
    amplitude, spectrum, coherence, dip = axes[1]
    lags = (1, 2, 5, 10, 30)
    for name, shown in windows.items():
        counts, edges = np.histogram(shown, np.linspace(-5, 5, 81), density=True)
        amplitude.semilogy(0.5 * (edges[1:] + edges[:-1]), counts, label=name)
        power = np.mean(np.abs(np.fft.rfft(shown * np.hanning(WINDOW)[:, None], axis=1)) ** 2, axis=(0, 2))
        spectrum.plot(np.linspace(0, 1, len(power)), 10 * np.log10(power / power.max()), label=name)
        found = statistics[name]
        coherence.plot(lags, [np.median([one[f"correlation at {lag}"] for one in found]) for lag in lags], "o-")
        dip.hist([one["dip, median"] for one in found], np.linspace(0, 1, 31), histtype="step", density=True)
    amplitude.set(title="amplitude", xlabel="standard deviations", ylabel="density", ylim=(1e-4, 1))
    spectrum.set(title="spectrum", xlabel="frequency / Nyquist", ylabel="dB", ylim=(-50, 2))
    coherence.set(title="lateral coherence", xlabel="traces apart", ylabel="correlation")
    dip.set(title="median dip", xlabel="samples / trace", ylabel="density")
    amplitude.legend()
    figure.savefig(file, dpi=80)
    print(f"drawn: {file}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", choices=BLOCKS, default="test")
    parser.add_argument("--figure", default="geology_realism.png", help="where to draw [geology_realism.png]")
    parser.add_argument(
        "--sections", type=int, default=300, help="earths for training, half as many for the test [300]"
    )
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(options.seed)
    shared = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    lines = open_lines(shared)
    stream = generate_sections(options.seed, options.sections * 3 // 2)
    earths = [earth.seismic.values for earth in stream]
    learning, testing = earths[: options.sections], earths[options.sections :]
    training, test = BLOCKS[options.blocks]

    # The table, too, leaves the test blocks alone while tuning.
    block = (0.0, 1.0) if options.blocks == "test" else (0.0, 0.6)
    windows = {name: cut(line, WINDOW, 60, rng, block) for name, line in lines.items()}
    windows["generated"] = np.concatenate([cut(earth, WINDOW, 1, rng) for earth in testing])
    statistics = {name: [describe(window) for window in shown] for name, shown in windows.items()}
    print_table(statistics)
    draw(windows, statistics, options.figure)

    n = 6 * options.sections
    real = np.concatenate([cut(line, PATCH, n // 2, rng, training) for line in lines.values()])
    made = np.concatenate([cut(earth, PATCH, 6, rng) for earth in learning])
    model = tell_apart(real, made, options.epochs, options.seed)
    held = {name: cut(line, PATCH, 400, rng, test) for name, line in lines.items()}
    held["generated"] = np.concatenate([cut(earth, PATCH, 6, rng) for earth in testing])
    with torch.no_grad():
        scores = {name: model(torch.from_numpy(shown)[:, None])[:, 0].numpy() for name, shown in held.items()}
    for names in (list(lines), *([name] for name in lines)):
        both = np.concatenate([*(scores[name] for name in names), scores["generated"]])
        is_real = np.arange(len(both)) < sum(len(scores[name]) for name in names)
        print(f"AUC, {' and '.join(names)} ({options.blocks} blocks) against generated: {auc(both, is_real):.3f}")


if __name__ == "__main__":
    main()
