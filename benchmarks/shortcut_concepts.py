"""Measure whether concepts reveal a planted shortcut where the most important channels do not.

    python benchmarks/shortcut_concepts.py [--planted 20] [--clean 6] [--concepts 8]

trains the classifiers of `seisdream experiment care`, with and without a planted shortcut, and looks at the last layer
of each as a user would: at the three channels, and at the three concepts, that most raise the second class (gradient
times activation). Images in which only the rock determines the class are divided by whether they have the mark, the
deep bed or the high gain. The evidence of each is the largest separation among the three, 0 to 1: twice the area under
the ROC curve of the mean strength, less 1, without its sign. A shortcut is identified where its evidence exceeds that
of reference networks by more than 4 standard deviations, as by the other tools.
"""

import argparse
import tempfile
import time

import numpy as np
import torch

from seisdream.models.prepared import PreparedNetwork
from seisdream.representations.factorise import Factorisation, factorise
from seisdream.representations.importance import class_importance
from seisdream.research.experiments.care import FULL
from seisdream.research.experiments.shortcut_images import ShortcutImages, cut_windows
from seisdream.research.experiments.shortcut_models import WIDTHS, accuracy, train_classifier
from seisdream.research.psychophysics.signal_detection import area_under_roc
from seisdream.research.shortcuts import NONE, SHORTCUTS, identify_shortcut

WAYS = ("channels", "concepts")
N_SHOWN, N_EXPLAINED = 3, 100
LAYER = f"enc{len(WIDTHS)}"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    full = FULL.shortcuts
    parser.add_argument("--planted", type=int, default=full.n_planted, help="networks with a shortcut")
    parser.add_argument("--clean", type=int, default=full.n_clean, help="networks without one, twice")
    parser.add_argument("--concepts", type=int, default=8, help=f"of the {WIDTHS[-1]} channels of the last layer")
    parser.add_argument("--steps", type=int, default=full.n_steps, help="training steps")
    parser.add_argument("--earths", type=int, default=full.n_earths)
    parser.add_argument("--images", type=int, default=full.n_images)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def evidence_of(network, images, features, n_concepts, seed):
    """Return the evidence for each shortcut of the most important channels and concepts of a network."""
    prepared = PreparedNetwork(network)
    grey = torch.from_numpy((images[:, None] + 1.0) * 127.5)
    with torch.no_grad():
        activations = prepared.record(grey, (LAYER,))[LAYER].float().numpy()
    units = activations.transpose(0, 2, 3, 1).reshape(-1, activations.shape[1])
    concepts = factorise(units, n_concepts, seed=seed)
    strengths = concepts.strengths(units).reshape(len(images), -1, n_concepts).mean(1)
    explained = [(prepared, one[None]) for one in grey[:N_EXPLAINED]]
    each = np.eye(activations.shape[1], dtype=np.float32)
    of_channels = class_importance(explained, LAYER, Factorisation(each, False, 1.0), [1])
    ways = {
        "channels": (activations.mean((2, 3)), of_channels),
        "concepts": (strengths, class_importance(explained, LAYER, concepts, [1])),
    }
    return {
        way: {
            name: max(
                abs(2.0 * area_under_roc(values[has, unit], values[~has, unit]) - 1.0)
                for unit in np.argsort(-importance[:, 0])[:N_SHOWN]
            )
            for name, has in features.items()
        }
        for way, (values, importance) in ways.items()
    }


def main():
    options = parse()
    torch.set_num_threads(1)
    started = time.monotonic()
    training, held_out = cut_windows(6 + options.seed, options.earths).split(0.75)
    planted = [SHORTCUTS[number % len(SHORTCUTS)] for number in range(options.planted)]
    shortcuts = [NONE] * options.clean + planted + [NONE] * options.clean
    unbiased = ShortcutImages(held_out, NONE, options.seed + 1)
    images, features = unbiased.stack(options.images)[0], unbiased.features(options.images)
    evidence, accuracies = [], []
    for number, shortcut in enumerate(shortcuts):
        seed = 1000 * (options.seed + 1) + number
        with tempfile.TemporaryDirectory() as folder:
            network = train_classifier(training, shortcut, seed, options.steps, folder)
        evidence.append(evidence_of(network, images, features, options.concepts, seed))
        accuracies.append([accuracy(network, held_out, one, seed + 501, options.images) for one in (shortcut, NONE)])
        print(f"network {number}, {shortcut}: {time.monotonic() - started:.0f} s", flush=True)
    reference, tested = evidence[: options.clean], slice(options.clean, options.clean + options.planted)
    reported = [identify_shortcut(one, reference) for one in evidence]
    own, without = np.mean(accuracies[tested], axis=0)
    print(f"\naccuracy of networks with a shortcut: own test sets {own:.2f}, unbiased images {without:.2f}")
    print("\n| planted | channels | concepts | concepts alone | channels alone | separation, channels | concepts |")
    print("| --- |" + " ---: |" * 6)
    rows = list(zip(planted, reported[tested], evidence[tested], strict=True))
    for name in (*SHORTCUTS, "any"):
        own_rows = [(found, values, of) for of, found, values in rows if name in ("any", of)]
        hits = np.array([[found[way] == of for way in WAYS] for found, _, of in own_rows])
        means = np.mean([[values[way][of] for way in WAYS] for _, values, of in own_rows], axis=0)
        cells = [*hits.sum(0), (hits[:, 1] & ~hits[:, 0]).sum(), (hits[:, 0] & ~hits[:, 1]).sum()]
        cells = [f"{one} of {len(hits)}" for one in cells] + [f"{one:.2f}" for one in means]
        print(f"| {name} | " + " | ".join(cells) + " |")
    clean = reported[options.clean + options.planted :]
    alarms = [f"{sum(found[way] != NONE for found in clean)} of {len(clean)}" for way in WAYS]
    print(f"| none: false alarms | {' | '.join(alarms)} | | | | |")
    print("\nseparation by networks without a shortcut, mean:")
    for way in WAYS:
        print(
            f"  {way}: "
            + ", ".join(f"{name} {np.mean([one[way][name] for one in reference]):.2f}" for name in SHORTCUTS)
        )


if __name__ == "__main__":
    main()
