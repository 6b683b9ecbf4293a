"""Time many dreams in one batch against the same dreams one by one, in turns in one run.

    python benchmarks/many.py [--rounds 3] [--channels 16] [--section FILE.npz] [--weights FILE]

For the atlas: a dream from noise for every channel of a layer, 128 × 128 samples each, with the phase optimized and
the magnitude spectrum of a survey. Each round dreams the next channels of the layer in one batch, one by one on a
network that is prepared once, and one by one with `seisdream.Dream`. Printed: milliseconds a step of a dream (median
over rounds), the ratio to one by one, the time of the whole layer, and the share of the limit, which is the arithmetic
of the convolutions alone, forward and back to the input, at the rate of a large convolution measured in this run.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import torch
from dream_speed import convolution_rates, count_multiply_adds

from seisdream.dreaming import batch as batches
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.terms import Channel
from seisdream.dreaming.settings import DreamSettings
from seisdream.io.inputs import open_section
from seisdream.io.noise import open_noise
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network

ROOT = Path(__file__).parents[1]
SIDE = 128


def main():
    shared = Path(os.environ.get("SEISDREAM_SHARED", ROOT.parent / "shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turns [3]")
    parser.add_argument("--channels", type=int, default=16, help="dreams a round [16]")
    parser.add_argument("--steps", type=int, default=2, help="of each dream [2]")
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--section", default=str(shared / "data" / "f3_inline362.npz"))
    parser.add_argument("--weights", default=str(shared / "weights" / "bvlc_googlenet.safetensors"))
    options = parser.parse_args()
    survey = open_section(options.section, key="amplitude")
    networks = ((load_network("facies"), "enc5"),
                (load_network("googlenet", weights=options.weights), "inception_4c/output"))  # fmt: skip
    print(
        f"{SIDE} × {SIDE}, {options.channels} dreams a round, {torch.get_num_threads()} threads, load {os.getloadavg()}"
    )
    for network, layer in networks:
        for precision in options.precision:
            measure(network, layer, precision, survey, options)


def measure(network, layer, precision, survey, options):
    n_channels = network.layer(layer).n_channels
    settings = DreamSettings(octaves=1, parameterization="phase", steps=options.steps, jitter=8, allow_undersized=True,
                    precision=precision, device="cpu")  # fmt: skip
    prepared = PreparedNetwork(network, "cpu", precision)
    noise = open_noise(f"noise:{SIDE}x{SIDE}")

    def together(channels, batch=options.channels):
        batches.BATCH = batch
        objectives = [Channel(layer, channel) for channel in channels]
        batches.dream_batch(
            [noise] * len(channels), network, objectives, settings=settings, reference_section=survey, prepared=prepared
        )

    def by_itself(channels):
        for channel in channels:
            Dream(noise, network, f"{layer}:{channel}", settings=settings, reference_section=survey).run()

    contenders = {
        "together": together,
        "one by one": lambda channels: together(channels, batch=1),
        "each a Dream": by_itself,
    }
    seconds = {name: [] for name in contenders}
    for one_round in range(options.rounds + 1):
        first = (one_round - 1) * options.channels
        channels = [channel % n_channels for channel in range(first, first + options.channels)]
        for name, run in contenders.items():
            warming = channels[:2] if one_round == 0 else channels
            began = time.perf_counter()
            run(warming)
            if one_round:  # The first round warms up.
                seconds[name].append(time.perf_counter() - began)
    n_looks = options.channels * options.steps
    flops = 2 * 2 * count_multiply_adds(network, layer, (SIDE, SIDE))
    floor = flops / 2 / convolution_rates()[precision]
    print(f"\n{network.name} {layer}, {n_channels} channels, {precision}: {flops / 1e9:.2f} GFLOP a look")
    print(f"{'':<14}{'ms a look':>11}{'times one by one':>18}{'whole layer':>13}{'of the floor':>14}")
    for name, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(seconds["one by one"], times, strict=True))
        look = statistics.median(times) / n_looks
        whole = look * options.steps * n_channels
        print(f"{name:<14}{look * 1e3:>11.1f}{ratio:>18.2f}{whole:>11.0f} s{floor / look:>13.0%}")


if __name__ == "__main__":
    main()
