"""Measure how fast a network is trained: steps and samples a second, the share of the limit, and the wait for data.

    python benchmarks/training_speed.py --out DIR [--steps 40] [--earths 200]

The preset `geology` on generated earths, which are made first and timed too. The limit of a step is the arithmetic of
its convolutions at the rate of a 3 × 3 convolution measured in the same run.
"""

import argparse
import time
from pathlib import Path

import torch
from dream_speed import convolution_rates
from torch.utils.flop_counter import FlopCounterMode

from seisdream.training import presets
from seisdream.training.loop import Training


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where earths are kept")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--earths", type=int, default=200)
    options = parser.parse_args()
    settings = presets.PRESETS["geology"].settings.replace(earths=options.earths)
    run = presets.plan_preset(settings, options.out / "earths")
    began = time.perf_counter()
    for number in range(options.earths):
        run.data[number]
    print(f"{options.earths / (time.perf_counter() - began):.1f} items a second where no earth has been made yet")
    began = time.perf_counter()
    for number in range(options.earths):
        run.data[number]
    print(f"{options.earths / (time.perf_counter() - began):.1f} items a second of earths that were, one process")
    training = Training(settings, run.data, run.validation, run.n_validation, options.out / "run")
    states = training.states()
    with FlopCounterMode(display=False) as counted:
        next(states)
    for _ in range(4):
        before = next(states)
    for _ in range(options.steps):
        after = next(states)
    seconds, waited = after.seconds - before.seconds, after.data_seconds - before.data_seconds
    rate = 2 * convolution_rates()[training.precision]
    print(
        f"{options.steps / seconds:.2f} steps a second of {settings.batch_size} items ({training.precision}, "
        f"{torch.get_num_threads()} threads): {settings.batch_size * options.steps / seconds:.1f} items a second"
    )
    flops = counted.get_total_flops() * options.steps / seconds
    print(f"{flops / 1e9:.0f} GFLOP/s, {flops / rate:.0%} of the floor ({rate / 1e9:.0f} GFLOP/s)")
    print(f"waited for data {waited / seconds:.1%} of the time (goal: under 5 %)")


if __name__ == "__main__":
    main()
