"""Measure how well `faults` finds faults in cubes, compared with attributes and with random weights.

    python benchmarks/faults.py [NETWORK] [--cubes 8]

On generated cubes of another seed than training's, inside and outside the ranges that the network was trained on: the
average precision (area under precision and recall over all samples) of

- the network: its probability of a fault;
- semblance: 1 - semblance along the best dip, of 3 x 3 traces, the best of several windows;
- planarity: 1 - planarity of the structure tensor, the best of several windows;
- random weights: the same architecture, the best of two seeds;
- chance: the share of samples on a fault.

A fault is every sample within one sample of its plane. Faults in salt and in chaotic and reflection-free rock are left
out. Windows and seeds are chosen on the measured cubes themselves, in favour of what is compared.
"""

import argparse
from functools import partial

import numpy as np
import torch
from sklearn.metrics import average_precision_score

import seisdream as sd
from seisdream.data.sample import UNKNOWN
from seisdream.data.synthetic_stream import FAULTED_EARTHS, GeneratedFaults
from seisdream.seismic.attributes import planarity, semblance
from seisdream.synthetic import EarthSettings

SEED, SIZE = 4, (96, 64, 64)
NOISE = {"noise": (0.45, 0.8), "coherent": (0.35, 0.6), "footprint": (0.15, 0.3), "migration": (0.15, 0.3)}
BLUR = {"smoothing": (2.5, 3.5), "peak_hz": (13.0, 18.0)}
SMALL = {"throw_ms": (4.0, 14.0), "activity": (0.15, 0.3)}
DATA = {
    "as in training": {},
    "more noise": NOISE,
    "more smearing, lower frequencies": BLUR,
    "small throws (14 ms and less)": SMALL,
    "as for facies: few faults, more salt": None,
}


def settings_of(changes):
    """Return the settings of earths with some ranges changed; those of `facies` for None."""
    if changes is None:
        return EarthSettings()
    own = {name: getattr(FAULTED_EARTHS, name) for name in FAULTED_EARTHS.__dataclass_fields__}
    return EarthSettings(**(own | changes))


def probability(network, image):
    """Return the probability of a fault, ``(time, inline, crossline)``."""
    with torch.no_grad():
        return network.module(torch.from_numpy(image)[None, None])[0].softmax(0)[1].numpy()


def methods_of(name):
    """Return the functions from a cube to a score that is high on faults, by method; several are tried of each."""
    networks = {"network": [name], "random weights": [f"{name}@random:{seed}" for seed in range(2)]}
    found = {
        method: [partial(probability, sd.load_network(one)) for one in names] for method, names in networks.items()
    }
    found["random weights"] += [partial(negative, one) for one in found["random weights"]]
    windows = [{"n_samples": 7}, {"n_samples": 15}]
    found["semblance"] = [
        partial(negative, partial(semblance, n_traces=3, steepest=2.0, n_dips=5, **window)) for window in windows
    ]
    scales = [(1.5, 1.0, 1.0), (3.0, 1.5, 1.5), (6.0, 2.0, 2.0)]
    found["planarity"] = [partial(negative, partial(planarity, smoothing=scale)) for scale in scales]
    return found


def negative(attribute, image):
    """Return an attribute with its sign changed."""
    return -attribute(image)


def measure(methods, settings, n_cubes):
    """Return the average precision of each method over all samples of some cubes, and the share of faults."""
    cubes = GeneratedFaults(SEED, size=SIZE, augmentation=None, settings=settings)
    samples = [cubes[number] for number in range(n_cubes)]
    labels = np.concatenate([sample.classes.ravel() for sample in samples])
    known = labels != UNKNOWN
    found = {}
    for method, functions in methods.items():
        scores = [np.concatenate([one(sample.image[0]).ravel() for sample in samples]) for one in functions]
        found[method] = max(average_precision_score(labels[known], score[known]) for score in scores)
    return found | {"chance": float(labels[known].mean())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="faults")
    parser.add_argument("--cubes", type=int, default=8)
    parser.add_argument("--data", choices=DATA, nargs="*", default=list(DATA))
    options = parser.parse_args()
    methods = methods_of(options.network)
    columns = [*methods, "chance"]
    print(f"| {options.cubes} cubes | {' | '.join(columns)} | network / best attribute |")
    print(f"| {' | '.join(['---'] * (len(columns) + 2))} |")
    for data in options.data:
        found = measure(methods, settings_of(DATA[data]), options.cubes)
        ratio = found["network"] / max(found["semblance"], found["planarity"])
        print(f"| {data} | {' | '.join(f'{found[one]:.3f}' for one in columns)} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
