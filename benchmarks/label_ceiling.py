"""Estimate how well the facies of generated earths can be recognised at all, and what the errors of a network are.

    python benchmarks/label_ceiling.py [NETWORK] [--second NETWORK] [--sections 64]

On generated sections that were not used in training:

- mean IoU of both networks with the labels, and of the two networks with each other. Two networks of different seeds
  learn what the sections show; where they agree with each other more than with the labels, the labels hold what cannot
  be seen. Their agreement estimates the ceiling, from below where the second network is the weaker one;
- the same with the three classes merged that differ in amplitude alone (parallel-high, parallel-low, reflection-free);
- the share of errors within five samples of a boundary of the labels, the share of all samples that lie there, and the
  mean IoU of the other samples;
- for each class: IoU, IoU between the networks, IoU far from boundaries, and what it is mistaken for far from them;
- the share of errors, far from boundaries, in which both networks give the same class, which is not the label;
- how well amplitude alone, and the network, distinguish pairs of the three classes far from boundaries (AUC). The
  amplitude is the energy of windows of 33 samples, relative to the section's, relative to the samples within 64 samples
  around, and without noise: what a threshold on that does not distinguish is a matter of definition, not of noise;
- how often the network names bodies of the two parallel classes as the labels do, by the noise-free amplitude of the
  body over the threshold between high and low. Errors near 1 are those of a threshold without width.
"""

import argparse
from itertools import pairwise

import numpy as np
from scipy.ndimage import distance_transform_cdt, label, uniform_filter
from scipy.stats import rankdata

import seisdream as sd
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.evaluation.test_sets import HELD_OUT_SEED
from seisdream.inference.predict import predict
from seisdream.synthetic import FACIES
from seisdream.synthetic.amplitudes import _HIGH

CLASSES = tuple(facies.name for facies in FACIES)
AMPLITUDE_CLASSES = ("parallel-high", "parallel-low", "reflection-free")
NEAR, SIDE, WINDOW, SURROUNDINGS = 5, 256, 33, 129
N_KEPT = 400  # Samples of each section for the AUC.
EDGES = (0.0, 0.5, 0.8, 1.0, 1.25, 2.0, np.inf)  # Of the amplitude of a body over the threshold.


def distance_to_boundary(labels):
    """Return the distance of each sample ``(time, trace)`` to the nearest sample of another class, at least 1."""
    is_edge = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        differs = np.diff(labels.astype(int), axis=axis) != 0
        for shift in ((0, 1), (1, 0)):
            pad = [(0, 0), (0, 0)]
            pad[axis] = shift
            is_edge |= np.pad(differs, pad)
    return distance_transform_cdt(~is_edge, "chessboard") + 1 if is_edge.any() else np.full(labels.shape, labels.size)


def confusion(one, other):
    """Return counts ``(class of one, class of other)``."""
    counts = np.bincount(one.astype(int) * len(CLASSES) + other, minlength=len(CLASSES) ** 2)
    return counts.reshape(len(CLASSES), len(CLASSES))


def iou(counts):
    """Return the IoU of each class; NaN where it is absent."""
    both = np.diag(counts)
    with np.errstate(invalid="ignore"):
        return both / (counts.sum(0) + counts.sum(1) - both)


def merged(counts):
    """Return counts with the classes merged that differ in amplitude alone."""
    groups = [[CLASSES.index(name) for name in AMPLITUDE_CLASSES]]
    groups += [[code] for code, name in enumerate(CLASSES) if name not in AMPLITUDE_CLASSES]
    return np.array([[counts[np.ix_(rows, columns)].sum() for columns in groups] for rows in groups])


def log_energy(values, window=WINDOW):
    """Return the logarithm of the mean energy in a window around each sample."""
    return np.log(uniform_filter(np.square(values, dtype=np.float64), window) + 1e-9)


def auc(scores, is_first):
    """Return the chance that a sample of the first class scores above one of the second, at least 0.5."""
    n_first, n_second = is_first.sum(), (~is_first).sum()
    area = (rankdata(scores)[is_first].sum() - n_first * (n_first + 1) / 2) / (n_first * n_second)
    return max(area, 1.0 - area)


def amplitudes(earth):
    """Return the amplitude of each sample of an earth by kind."""
    seismic, clean = earth["seismic"].values, earth["noise_free"].values
    energy = log_energy(seismic)
    return {
        "relative to the section": energy - np.log(np.mean(np.square(seismic, dtype=np.float64))),
        "relative to the surroundings": energy - log_energy(seismic, SURROUNDINGS),
        "without noise": log_energy(clean) - np.log(np.mean(np.square(clean, dtype=np.float64))),
    }


def parallel_bodies(earth, predicted, is_far):
    """Return for each body of parallel beds its amplitude over the threshold, its size, and the share named alike."""
    labels, clean = earth["facies"].values, np.abs(earth["noise_free"].values)
    rows = []
    for code in (CLASSES.index("parallel-high"), CLASSES.index("parallel-low")):
        numbers, n_bodies = label((labels == code) & is_far)
        for number in range(1, n_bodies + 1):
            inside = numbers == number
            rows.append([clean[inside].mean() / clean.mean() / _HIGH, inside.sum(), np.mean(predicted[inside] == code)])
    return rows


def collect(networks, n_sections):
    """Return labels, classes of each network and distances to boundaries; samples of the amplitude classes; bodies."""
    earths = GeneratedEarths(HELD_OUT_SEED, size=SIDE, augmentation=None)
    rng = np.random.default_rng(0)
    columns, kept, bodies = [], [], []
    amplitude_codes = [CLASSES.index(name) for name in AMPLITUDE_CLASSES]
    for number in range(n_sections):
        earth = earths.earth(number)
        labels, section = earth["facies"].values, earth["seismic"]
        probabilities = [predict(section, one, augmentations=0, as_is=True)["probabilities"].values for one in networks]
        distance = distance_to_boundary(labels)
        columns.append([labels.ravel(), *(one.argmax(0).ravel() for one in probabilities), distance.ravel()])
        bodies += parallel_bodies(earth, probabilities[0].argmax(0), distance > NEAR)
        of_section = amplitudes(earth)
        for code in amplitude_codes:
            found = np.flatnonzero((labels == code) & (distance > NEAR))
            chosen = rng.choice(found, min(N_KEPT, found.size), replace=False)
            row = {kind: values.ravel()[chosen] for kind, values in of_section.items()}
            row["network"] = np.log(probabilities[0].reshape(len(CLASSES), -1)[amplitude_codes][:, chosen] + 1e-9)
            kept.append((code, row))
    return [np.concatenate(one) for one in zip(*columns, strict=True)], kept, np.array(bodies)


def print_classes(labels, first, second, far):
    counts, other, interior = confusion(labels, first), confusion(first, second), confusion(labels[far], first[far])
    print(
        "\n| class | IoU | between networks | far from boundaries | most often mistaken for, there |\n"
        + "| --- " * 5
        + "|"
    )
    own, between, inside = iou(counts), iou(other), iou(interior)
    for code, name in enumerate(CLASSES):
        errors = np.where(np.arange(len(CLASSES)) == code, 0, interior[code])
        share = errors / max(interior[code].sum(), 1)
        worst = ", ".join(f"{CLASSES[one]} {share[one]:.0%}" for one in np.argsort(-share)[:2])
        print(f"| {name} | {own[code]:.2f} | {between[code]:.2f} | {inside[code]:.2f} | {worst} |")


def print_amplitudes(kept):
    kinds = [*(kind for kind in kept[0][1] if kind != "network"), "network"]
    print("\n| pair | " + " | ".join(kinds) + " |\n" + "| --- " * (len(kinds) + 1) + "|")
    for first, second in ((0, 1), (1, 2), (0, 2)):
        pair = [CLASSES.index(AMPLITUDE_CLASSES[one]) for one in (first, second)]
        rows = [(code, row) for code, row in kept if code in pair]
        is_first = np.concatenate([np.full(row["network"].shape[1], code == pair[0]) for code, row in rows])
        cells = []
        for kind in kinds:
            values = [row[kind][first] - row[kind][second] if kind == "network" else row[kind] for _, row in rows]
            cells.append(f"{auc(np.concatenate(values), is_first):.3f}")
        print(f"| {AMPLITUDE_CLASSES[first]}, {AMPLITUDE_CLASSES[second]} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="facies")
    parser.add_argument(
        "--second",
        default="build/robust_dreams/network.safetensors",
        help="a network of another seed; by default the judge that robust_dreams.py trains",
    )
    parser.add_argument("--sections", type=int, default=64)
    options = parser.parse_args()
    networks = [sd.load_network(name) for name in (options.network, options.second)]
    (labels, first, second, distance), kept, bodies = collect(networks, options.sections)
    far = distance > NEAR
    pairs = {
        "network and labels": (labels, first),
        "second network and labels": (labels, second),
        "network and second network": (first, second),
    }
    print(
        "| mean IoU | ten classes | amplitude classes merged | far from boundaries | merged and far |\n"
        + "| --- " * 5
        + "|"
    )
    means = {}
    for name, (one, other) in pairs.items():
        counts, inside = confusion(one, other), confusion(one[far], other[far])
        means[name] = [np.nanmean(iou(matrix)) for matrix in (counts, merged(counts), inside, merged(inside))]
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in means[name]) + " |")
    own, *_, ceiling = means.values()
    print(f"\nMean IoU over the agreement of the networks: {own[0] / ceiling[0]:.2f}")
    wrong, shared = first != labels, (first == second) & (first != labels)
    print(f"Errors within {NEAR} samples of a boundary: {np.mean(~far[wrong]):.0%}; of all samples {np.mean(~far):.0%}")
    print(f"Errors far from boundaries: {np.mean(wrong[far]):.1%} of the samples there")
    print(f"Of these, both networks give the same class in {np.mean(shared[far & wrong]):.0%}")
    print_classes(labels, first, second, far)
    print_amplitudes(kept)
    print("\n| amplitude over the threshold | share of the samples | named as labelled |\n| --- | --- | --- |")
    for low, high in pairwise(EDGES):
        _, size, right = bodies[(bodies[:, 0] >= low) & (bodies[:, 0] < high)].T
        if size.any():
            share, alike = size.sum() / bodies[:, 1].sum(), np.average(right, weights=size)
            print(f"| {low:g} to {high:g} | {share:.0%} | {alike:.0%} |")


if __name__ == "__main__":
    main()
