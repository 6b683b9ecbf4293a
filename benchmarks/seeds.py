"""Compare dreams of one line with different seeds, and with the control network `gabor`.

    python benchmarks/seeds.py [SHARED] [--seeds 0 1 2]

SHARED is the folder that holds data/31_81_PR.sgy (the line of `sample:npra`) and weights/bvlc_googlenet.safetensors,
by default ../shared next to the project. All dreams have the recipe of 2015, with mirrored edges. Printed: the
correlation of the changes of each two seeds of `googlenet`, sample by sample and of their RMS in squares of 25 samples;
the same for `googlenet` and `gabor`; and the RMS of the mean of the changes of all seeds, as a share of the mean RMS of
one.
"""

import argparse
from itertools import combinations, product
from pathlib import Path

import numpy as np

import seisdream as sd

SQUARE = 25


def rms(values):
    """Return the root mean square of an array."""
    return np.sqrt(np.mean(np.square(values)))


def local_rms(change):
    """Return the RMS of a change ``(time, trace)`` in whole squares of `SQUARE` samples."""
    rows, columns = (size // SQUARE for size in change.shape)
    squares = change[: rows * SQUARE, : columns * SQUARE].reshape(rows, SQUARE, columns, SQUARE)
    return np.sqrt(np.mean(np.square(squares), axis=(1, 3)))


def correlations(pairs):
    """Return the correlations of pairs of arrays as text: least to greatest."""
    values = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs]
    return f"{min(values):.3f} to {max(values):.3f}"


def main():
    """Dream and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    section = sd.open_section(options.shared / "data" / "31_81_PR.sgy")
    weights = options.shared / "weights" / "bvlc_googlenet.safetensors"
    networks = {"googlenet": sd.load_network("googlenet", weights=weights), "gabor": sd.load_network("gabor")}
    changes = {}
    for name, network in networks.items():
        settings = {"preset": "2015", "boundary": "mirror"}
        results = (sd.dream(section, network, seed=seed, **settings) for seed in options.seeds)
        changes[name] = [(result.dataset.dream - result.dataset.before).values for result in results]
    strengths = {name: [local_rms(change) for change in own] for name, own in changes.items()}
    print(f"{'correlation of':<28}{'changes':>18}{'their local RMS':>18}")
    for title, pair in (
        ("two seeds of googlenet", lambda found: combinations(found["googlenet"], 2)),
        ("googlenet and gabor", lambda found: product(found["googlenet"], found["gabor"])),
    ):
        print(f"{title:<28}{correlations(pair(changes)):>18}{correlations(pair(strengths)):>18}")
    own = changes["googlenet"]
    share = rms(np.mean(own, axis=0)) / np.mean([rms(change) for change in own])
    print(f"RMS of the mean change over that of one: {share:.3f}")


if __name__ == "__main__":
    main()
