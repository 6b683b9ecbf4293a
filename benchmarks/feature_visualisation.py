"""Compare ways to visualise a channel: maximising it, matching its real patches, and accentuating a real section.

    python benchmarks/feature_visualisation.py [--networks facies facies-robust] [--layer enc5] [--figure FILE.png]

- maximum: ``LAYER:CHANNEL``, the mean of the channel;
- match: the sorted activations of all channels of the layer become those of the real patches that activate the channel
  most (the idea of VITAL: Gorgun, Schiele and Fischer 2025), instead of growing without bound;
- accentuation: ``LAYER:CHANNEL + W*inversion:EARLIER``, which holds the section near itself at an earlier layer
  (Hamblin, Fel, Saha, Konkle and Alvarez 2024); W is twice what the maximum adds to the channel.

Each starts from a window of F3 inline 362, with the default recipe in float32 and two seeds. Means over channels of

- seeds: correlation of the changes of two seeds, sample by sample;
- change: RMS of the change over that of the line;
- gain: activation of the channel after the dream over that of its real patches;
- path: share of the stages up to the layer where the dream goes as real patches do (`seisdream.check_path`);

and over all dreams of a way

- AUC: how well a small network distinguishes real 64 × 64 patches from dreamed ones, as in robust_dreams.py, with
  changes scaled to one RMS; 0.5 is indistinguishable.
"""

import argparse
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from robust_dreams import EQUAL_CHANGE, realism

import seisdream as sd
from seisdream.dreaming.objectives.terms import Channel, Term, to_float
from seisdream.seismic.sections import GreyMapping
from seisdream.significance.path_reference import PathReference

WINDOW = (slice(100, 324), slice(360, 680))
PATCH, N_PATCHES = 96, 8
HELD_AT = 0.5


@dataclass(frozen=True)
class Match(Term):
    """Minus the distance between the sorted activations of each channel and those of real patches."""

    sorted_activations: torch.Tensor = field(kw_only=True, compare=False, repr=False)

    def n_units(self, size):
        """Return 1: the score is one of all positions together."""
        return 1

    def total(self, activations, window):
        """Return minus the relative squared distance of the sorted activations."""
        values = to_float(activations)[0].flatten(1).sort(dim=1).values
        target = torch.nn.functional.interpolate(
            self.sorted_activations[None].to(values), size=values.shape[1], mode="linear", align_corners=True
        )[0]
        return -(values - target).square().sum() / target.square().sum()


def sorted_activations(line, network, layer, channel):
    """Return the sorted activations, ``(channel, rank)``, of the patches of a line that activate a channel most."""
    recorded = sd.record_activations(line, network, layer)
    rows, columns = recorded["row"].values, recorded["column"].values
    patches = []
    for row in range(0, line.shape[0] - PATCH + 1, PATCH // 2):
        for column in range(0, line.shape[1] - PATCH + 1, PATCH // 2):
            inside = np.ix_((rows >= row) & (rows < row + PATCH), (columns >= column) & (columns < column + PATCH))
            patches.append(recorded.values[:, inside[0], inside[1]].reshape(recorded.shape[0], -1))
    best = sorted(patches, key=lambda one: -one[channel].mean())[:N_PATCHES]
    return torch.from_numpy(np.sort(np.concatenate(best, 1), 1).astype(np.float32))


def activation(section, network, layer, channel):
    return float(sd.record_activations(section, network, layer).values[channel].mean())


def dreams(section, network, objective):
    return [sd.dream(section, network, objective, seed=seed, precision="float32") for seed in (0, 1)]


def ways(line, section, network, layer, channel, earlier):
    """Yield for each way its two dreams, the maximum first."""
    plain = Channel(layer, channel)
    most = dreams(section, network, plain)
    yield "maximum", most
    yield (
        "match",
        dreams(section, network, Match(layer, sorted_activations=sorted_activations(line, network, layer, channel))),
    )
    # A weight in units of the channel: what the maximum gained, for a change of half the energy at the earlier layer.
    gained = activation(most[0].dream, network, layer, channel) - activation(section, network, layer, channel)
    objective = plain + sd.objectives.Inversion(earlier, weight=gained / HELD_AT)
    yield "accentuation", dreams(section, network, objective)


def measure(found, section, network, layer, channel, reference, number, real):
    changes = [(one.dream - one.dataset["before"]).values for one in found]
    check = reference.check(found[0].dream, GreyMapping.of(section), number)
    return {
        "seeds": np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1],
        "change": np.sqrt(np.mean(changes[0] ** 2) / np.mean(section.values**2)),
        "gain": activation(found[0].dream, network, layer, channel) / real,
        "path": check.share,
    }, changes[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["facies", "facies-robust"])
    parser.add_argument("--layer", default="enc5")
    parser.add_argument("--earlier", default="enc3")
    parser.add_argument(
        "--channels", type=int, default=4, help="how many, evenly from those that are active on the line"
    )
    parser.add_argument("--classifiers", type=int, default=2, help="seeds of the AUC")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    shared = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    line = sd.open_section(shared / "data" / "f3_inline362.npz")[14:]  # below the mute
    section = line[WINDOW]
    drawn = {}
    for name in options.networks:
        network = sd.load_network(name)
        strength = sd.record_activations(line, network, options.layer).values.mean((1, 2))
        order = np.argsort(-strength)[: len(strength) // 2]
        channels = order[np.linspace(0, len(order) - 1, options.channels).round().astype(int)]
        reference = PathReference(network, [Channel(options.layer, int(one)) for one in channels], [line])
        table, changes = {}, {}
        for number, channel in enumerate(map(int, channels)):
            real = float(sorted_activations(line, network, options.layer, channel)[channel].mean())
            for way, found in ways(line, section, network, options.layer, channel, options.earlier):
                row, change = measure(found, section, network, options.layer, channel, reference, number, real)
                table.setdefault(way, []).append(row)
                changes.setdefault(way, []).append(change)
                drawn.setdefault(f"{name}, dream of {options.layer}:{channel}", {})[way] = found[0].dream
                numbers = "  ".join(f"{key} {one:.2f}" for key, one in row.items())
                print(f"{name} {options.layer}:{channel} {way:13} {numbers}", flush=True)
        print(f"\n| {name}, {options.layer} | seeds | change | gain | path | AUC |\n| --- " + "| ---: " * 5 + "|")
        before = section.values
        for way, rows in table.items():
            scaled = [EQUAL_CHANGE * np.sqrt(np.mean(before**2) / np.mean(one**2)) * one for one in changes[way]]
            scores = [realism([(before, before + one) for one in scaled], seed) for seed in range(options.classifiers)]
            means = [np.mean([row[key] for row in rows]) for key in ("seeds", "change", "gain", "path")]
            print(f"| {way} | " + " | ".join(f"{one:.2f}" for one in [*means, np.mean(scores)]) + " |", flush=True)
    if options.figure:
        draw(section, drawn, options.figure)


def draw(section, drawn, file):
    """Draw the section once, and its dreams: a row for each channel, a column for each way."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.3 * len(drawn)), layout="constrained")
    clip = np.percentile(np.abs(section.values), 99)
    times, crosslines = section["time"].values, section["crossline"].values
    extent = (crosslines[0] - 0.5, crosslines[-1] + 0.5, times[-1] + 2.0, times[0] - 2.0)
    grid = figure.subplots(len(drawn), 4, squeeze=False)
    for axis in grid[1:, 0]:
        axis.set_axis_off()
    panels = {grid[0, 0]: ("As recorded", section)}
    for axes, (of_channel, found) in zip(grid[:, 1:], drawn.items(), strict=True):
        panels |= {axis: (f"{of_channel}, {way}", one) for axis, (way, one) in zip(axes, found.items(), strict=True)}
    for axis, (title, one) in panels.items():
        axis.imshow(one.values, cmap="gray", vmin=-clip, vmax=clip, aspect="auto", extent=extent)
        axis.set_title(title, fontsize=7, loc="left")
        axis.tick_params(labelsize=6, length=2, pad=1.5)
    for axis in (grid[0, 0], *grid[1:, 1]):
        axis.set_ylabel("Time (ms)", fontsize=7)
    for axis in (grid[0, 0], *grid[-1, 1:]):
        axis.set_xlabel("Crossline", fontsize=7)
    grid[0, 0].xaxis.label.set_in_layout(False)  # the panel below is empty
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=80)
    Image.open(picture).convert("L").save(file, optimize=True)


if __name__ == "__main__":
    main()
