"""Measure which real textures a linear probe of a network's layers distinguishes, on F3 inline 362.

    python benchmarks/textures.py [--networks NAME ...] [--blocks 12] [--one-sided]

We labelled textures on inline 362 with polygons of (column, row), in benchmarks/f3_inline362_textures.json: salt, low
coherency, high amplitude continuous, low amplitude, steep dips, low amplitude dips, grizzly, subparallel. A linear
probe of all of a network's stages together is fitted to all blocks of columns but one and scored on that one, with a
guard band of 16 columns. Features are means over the line and its mirror image, unless `--one-sided` is given.
Printed: balanced accuracy over the textures, and over the stratigraphic intervals of the line, for each network, for
the same one with random weights, and for GoogLeNet (../shared/weights). Then the classes that the map of `facies`
(`seisdream predict`) assigns to the samples of each texture, and how often it is the facies that corresponds to the
texture: `MEANT`.
"""

import argparse
import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.path import Path as Outline

import seisdream
from seisdream.evaluation.cross_validation import leave_one_block_out
from seisdream.evaluation.layer_features import LayerReader
from seisdream.evaluation.probe import fit_probe

SHARED = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))


MEANT = {
    "salt": "salt",
    "low coherency": "chaotic",
    "high amplitude continuous": "parallel-high",
    "low amplitude": "parallel-low",
    "steep dips": "divergent",
    "low amplitude dips": "clinoforms",
    "grizzly": "hummocky",
    "subparallel": "parallel-high",
}
"""Which facies a texture is, as near as our words come: steep dips are beds dragged up and thinning at the dome."""


def open_line():
    """Return F3 inline 362."""
    return seisdream.make_section(np.load(SHARED / "data" / "f3_inline362.npz")["amplitude"], dt_ms=4.0)


def show_map(name="facies"):
    """Print what a network's map calls each texture."""
    network = seisdream.load_network(name)
    section = open_line()
    classes, codes = scribbled(section.shape)
    predicted = seisdream.predict(section, network).classes.values
    right = []
    for code, texture in enumerate(classes):
        shares = np.bincount(predicted[codes == code], minlength=len(network.classes)) / np.count_nonzero(codes == code)
        right.append(shares[network.classes.index(MEANT[texture])])
        most = [index for index in np.argsort(-shares)[:3] if shares[index] > 0.05]
        words = ", ".join(f"{network.classes[index]} {shares[index]:.2f}" for index in most)
        print(f"{texture:28}{right[-1]:6.2f} {MEANT[texture]:16}{words}")
    print(f"{'mean':28}{np.mean(right):6.2f}")


def scribbled(shape):
    """Return the textures' names and their codes ``(time, trace)``, 255 where nothing was scribbled."""
    outlines = json.loads(Path(__file__).with_name("f3_inline362_textures.json").read_text(encoding="utf-8"))
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    points, codes = np.stack([columns.ravel(), rows.ravel()], 1), np.full(shape, 255, np.uint8)
    for code, polygons in enumerate(outlines.values()):
        for polygon in polygons:
            codes[Outline(polygon).contains_points(points).reshape(shape)] = code
    return tuple(outlines), codes


def score_textures(network, n_blocks=12, *, mirror=True):
    """Return the balanced accuracy of a probe for textures and for intervals, and the number of its channels."""
    section, intervals = open_line(), np.load(SHARED / "data" / "f3_inline362.npz")["interval"]
    reader = LayerReader(network, mirror=mirror)
    scores = []
    for classes, codes in (scribbled(section.shape), (tuple(f"interval {n}" for n in range(10)), intervals)):
        fit = partial(fit_probe, network=reader, n_classes=len(classes), n_per_class=2000)
        scored = leave_one_block_out(section, codes, classes, fit, n_blocks=n_blocks, guard=16)
        scores.append(scored.mean_class_accuracy)
    return *scores, reader.n_features


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["facies", "facies@random", "googlenet"])
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--one-sided", action="store_true", help="features of the line alone")
    options = parser.parse_args()
    print(f"{'network':24}{'channels':>10}{'textures':>10}{'intervals':>11}   (balanced accuracy)")
    for name in options.networks:
        weights = SHARED / "weights" / "bvlc_googlenet.safetensors" if name == "googlenet" else None
        network = seisdream.load_network(name, weights=weights)
        textures, intervals, n_channels = score_textures(network, options.blocks, mirror=not options.one_sided)
        print(f"{name:24}{n_channels:>10}{textures:>10.3f}{intervals:>11.3f}", flush=True)
    print("\nWhat the map of facies calls them:")
    show_map()


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
