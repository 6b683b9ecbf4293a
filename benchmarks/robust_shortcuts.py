"""Compare how clearly planted shortcuts show in the dreams of networks trained as usual and adversarially.

    python benchmarks/robust_shortcuts.py [--radius 0.03] [--planted 20] [--clean 20]

trains the classifiers of `seisdream experiment care`, with and without a planted shortcut, as usual and adversarially,
and lets the same tools identify the shortcut. Prints a table: accuracies, shortcuts identified, false alarms, and the
median evidence of the planted shortcut in a dream, in standard deviations of the networks without one.
"""

import argparse
import sys
import time

import torch

from seisdream.research.experiments.care import FULL
from seisdream.research.experiments.shortcut_models import ShortcutSize, detect_shortcuts
from seisdream.research.shortcuts import COMBINED, DREAM, TOOLS


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    full = FULL.shortcuts
    parser.add_argument("--radius", type=float, default=0.03, help="of adversarial training, in RMS a sample")
    parser.add_argument("--planted", type=int, default=full.n_planted, help="networks with a shortcut")
    parser.add_argument("--clean", type=int, default=full.n_clean, help="networks without one, twice")
    parser.add_argument("--steps", type=int, default=full.n_steps, help="training steps")
    parser.add_argument("--earths", type=int, default=full.n_earths)
    parser.add_argument("--images", type=int, default=full.n_images)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main():
    options = parse()
    torch.set_num_threads(1)
    size = ShortcutSize(options.planted, options.clean, options.steps, options.earths, options.images)
    tools = (*TOOLS, COMBINED)
    header = ["training", "own test set", "unbiased", *tools, "false alarms (dream)", "false alarms (combined)"]
    print(f"| {' | '.join([*header, 'evidence in a dream', 'seconds'])} |\n{'| --- ' * (len(header) + 2)}|")
    by_shortcut = {}
    for title, radius in (("as usual", 0.0), (f"radius {options.radius:g}", options.radius)):
        started, n_done = time.monotonic(), [0]

        def count(n_done=n_done, title=title):
            n_done[0] += 1
            print(f"{title}: {n_done[0]} of {size.n_networks} networks", file=sys.stderr, flush=True)

        found = detect_shortcuts(size, options.seed, count, robust=radius)
        by_shortcut[title] = found["by_shortcut"], found["dream_excess"]
        cells = [f"{found[measure]['planted']['mean']:.2f}" for measure in ("own_accuracy", "unbiased_accuracy")]
        cells += [in_words(found["detections"][tool]) for tool in tools]
        cells += [in_words(found["false_alarms"][tool]) for tool in (DREAM, COMBINED)]
        cells += [f"{found['dream_excess']['all']:.1f}", f"{time.monotonic() - started:.0f}"]
        print(f"| {title} | {' | '.join(cells)} |", flush=True)
    print("\n| training | shortcut | dream | combined | evidence in a dream |\n| --- | --- | --- | --- | --- |")
    for title, (rows, medians) in by_shortcut.items():
        for name, row in rows.items():
            print(f"| {title} | {name} | {row[DREAM]} | {row[COMBINED]} | {medians[name]:.1f} |")


def in_words(rate):
    """Return a rate such as 13 of 20 (0.41 to 0.85)."""
    low, high = rate["interval"]
    return f"{rate['hits']} of {rate['n']} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
