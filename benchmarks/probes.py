"""Score linear probes and baselines on the stratigraphic intervals of F3 inline 362, in blocks of traces.

    python benchmarks/probes.py [SHARED] [--noise]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA) and
weights/bvlc_googlenet.safetensors, by default ../shared next to the project. Each of five blocks of traces is predicted
by what was fitted to the others, 32 traces apart. With `--noise`, white noise replaces the amplitudes.
"""

import argparse
from pathlib import Path

import numpy as np

import seisdream as sd
from seisdream.evaluation.cross_validation import leave_one_block_out
from seisdream.evaluation.dummy_classifiers import fit_depth_only, fit_majority
from seisdream.evaluation.layer_features import LayerReader
from seisdream.evaluation.probe import fit_probe
from seisdream.models.randomization import with_random_weights

CLASSES = [f"interval {code}" for code in range(10)]
MEASURES = ("pixel_accuracy", "mean_class_accuracy", "mean_iou", "calibration_error")


def probe(network):
    """Return a function that fits a linear probe of a network."""
    reader = LayerReader(network)
    return lambda lines: fit_probe(lines, reader, len(CLASSES))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--noise", action="store_true")
    options = parser.parse_args()
    path = options.shared / "data" / "f3_inline362.npz"
    section, labels = sd.open_section(path, key="amplitude", muted="present"), np.load(path)["interval"]
    if options.noise:
        section = section.copy(data=np.random.default_rng(0).standard_normal(section.shape, np.float32))
    googlenet = sd.load_network("googlenet", weights=options.shared / "weights" / "bvlc_googlenet.safetensors")
    methods = {
        "linear probe of googlenet": probe(googlenet),
        "linear probe, random weights of googlenet": probe(with_random_weights(googlenet)),
        "linear probe of facies@random": probe("facies@random"),
        "linear probe of gabor": probe("gabor"),
        "depth only": lambda lines: fit_depth_only(lines, len(CLASSES)),
        "majority class": lambda lines: fit_majority(lines, len(CLASSES)),
    }
    print("| Method | pixel accuracy | mean class accuracy | mean IoU | ECE |\n| --- | --- | --- | --- | --- |")
    for method, fit in methods.items():
        scores = leave_one_block_out(section, labels, CLASSES, fit).headlines()
        print("| " + " | ".join([method, *(f"{scores[measure]:.3f}" for measure in MEASURES)]) + " |", flush=True)


if __name__ == "__main__":
    main()
