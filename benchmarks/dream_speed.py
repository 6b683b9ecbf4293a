"""Time a dream step against a plain transcription of the 2015 recipe, in turns in one run.

    python benchmarks/dream_speed.py [--rounds 5] [--section FILE.npz] [--weights FILE]

Both take the same section, network (BVLC GoogLeNet), layer (inception_4c/output) and number of steps at each
octave's size, one round of the one after one round of the other, so that a machine whose speed drifts treats
both alike. Printed: milliseconds a step (median over rounds), their ratio, what share of the floor was reached,
the accuracy of each precision, and peak memory.

The floor is the arithmetic alone: the multiply-adds of the network's convolutions up to the layer, forward and
back to the input (each again as many as forward), over the rate of a large matrix product measured in this run.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from safetensors.torch import load_file  # noqa: E402

import original_recipe  # noqa: E402
from seisdream.dream.levels import Dream  # noqa: E402
from seisdream.dream.objectives import Layer  # noqa: E402
from seisdream.dream.octaves import octave_sizes  # noqa: E402
from seisdream.dream.recipe import Recipe  # noqa: E402
from seisdream.dream.tiles import Gradient  # noqa: E402
from seisdream.dream.views import as_picture, as_rgb  # noqa: E402
from seisdream.io.inputs import open_section  # noqa: E402
from seisdream.nets.registry import load_network  # noqa: E402
from seisdream.seismic.sections import GreyMapping  # noqa: E402

LAYER = "inception_4c/output"


def count_multiply_adds(network, size, layer=LAYER):
    """Return the multiply-adds of the convolutions up to the layer, for one look at a picture of this size."""
    counted = []

    def count(module, _inputs, output):
        counted.append(output[0].numel() * module.weight[0].numel())

    prepared = network.prepared()
    handles = [
        module.register_forward_hook(count)
        for module in prepared.module.modules()
        if isinstance(module, torch.nn.Conv2d)
    ]
    with torch.no_grad():
        prepared.record(torch.zeros(1, 1, *size), [layer])
    for handle in handles:
        handle.remove()
    return sum(counted)


def matrix_rate(dtype, n=2048, rounds=8):
    """Return the multiply-adds a second of a large matrix product."""
    left, right = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    left @ right
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - began)
    return n**3 / statistics.median(times)


def peak_gib():
    """Return the process's largest resident memory so far, in GiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform != "darwin" else peak / 2**30


def main():
    """Measure and print."""
    shared = Path(os.environ.get("SEISDREAM_SHARED", ROOT.parent / "shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, in turns [5]")
    parser.add_argument("--steps", type=int, default=2, help="steps a round at each octave [2]")
    parser.add_argument("--section", default=str(shared / "data" / "f3_inline362.npz"))
    parser.add_argument("--weights", default=str(shared / "weights" / "bvlc_googlenet.safetensors"))
    options = parser.parse_args()

    section = open_section(options.section)
    network = load_network("googlenet", weights=options.weights)
    frozen = load_file(options.weights)
    # As a network comes in PyTorch, and as Caffe ran it: the backward pass computes the weights' gradients too.
    weights = {name: tensor.clone().requires_grad_(True) for name, tensor in frozen.items()}
    size = (section.shape[0], section.shape[1])
    sizes = octave_sizes(size, 4, (1.4, 1.4))
    grey = GreyMapping.of(section).to_grey(section.values).clip(0, 255)
    rgb = as_rgb(grey)
    print(f"{size[0]} × {size[1]}, {network.name} {LAYER}, octaves {sizes}, {torch.get_num_threads()} threads")

    def naive(weights):
        original_recipe.dream(weights, rgb, n_steps=options.steps)

    def ours(precision):
        dream = Dream(section, network, Recipe(layer=LAYER, steps=options.steps, precision=precision, device="cpu"))
        for _ in dream.states():
            pass

    contenders = {
        "naive transcription": lambda: naive(weights),
        "naive, frozen weights": lambda: naive(frozen),
    }
    for precision in ("float32", "bfloat16"):
        contenders[f"seisdream {precision}"] = lambda precision=precision: ours(precision)
    seconds = {name: [] for name in contenders}
    for one_round in range(options.rounds + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            if one_round:  # The first round warms up.
                seconds[name].append(time.perf_counter() - began)
    n_steps = options.steps * len(sizes)
    multiply_adds = sum(count_multiply_adds(network, one) for one in sizes) / len(sizes) * 2
    rates = {"float32": matrix_rate(torch.float32), "bfloat16": matrix_rate(torch.bfloat16)}
    naive_median = statistics.median(seconds["naive transcription"])
    print(f"a step: {multiply_adds * 2 / 1e9:.1f} GFLOP forward and back, mean over the octaves")
    print(f"{'':<22}{'ms a step':>10}{'min–max':>18}{'times naive':>13}{'of the floor':>14}")
    for name, times in seconds.items():
        median = statistics.median(times)
        ratio = statistics.median(a / b for a, b in zip(seconds["naive transcription"], times, strict=True))
        floor = multiply_adds / rates["bfloat16" if "bfloat16" in name else "float32"]
        spread = f"{min(times) / n_steps * 1e3:.0f}–{max(times) / n_steps * 1e3:.0f}"
        print(f"{name:<22}{median / n_steps * 1e3:>10.0f}{spread:>18}{ratio:>13.2f}{floor * n_steps / median:>13.0%}")
    print(f"matrix products: {', '.join(f'{name} {2 * rate / 1e9:.0f} GFLOP/s' for name, rate in rates.items())}")
    print(f"naive dream of 4 × 10 steps: {naive_median / n_steps * 40:.0f} s")

    terms, picture = (Layer(LAYER),), as_picture(grey)
    exact = Gradient(network.prepared("cpu", "float32"), terms)(picture)
    rough = Gradient(network.prepared("cpu", "bfloat16"), terms)(picture)
    cosine = torch.nn.functional.cosine_similarity(exact[1].flatten(), rough[1].flatten(), dim=0)
    print(f"bfloat16 against float32: gradient's cosine {cosine:.4f}, score {rough[0] / exact[0] - 1:+.2%}")
    print(f"peak memory of this process: {peak_gib():.2f} GiB (section: {np.prod(size) * 4 / 2**20:.1f} MiB)")


if __name__ == "__main__":
    main()
