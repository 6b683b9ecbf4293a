"""Time a dream step against a plain transcription of the 2015 recipe, in turns in one run.

    python benchmarks/dream_speed.py [--rounds 5] [--steps 10] [--network googlenet] [--layer inception_4c/output]
    python benchmarks/dream_speed.py --network facies --layer enc6.relu2

All take the same section and number of steps at each of four octaves. Each contender has its own process, as a user
would run it, and they take turns, so that a drift in the speed of the machine affects all equally. Printed for each:
milliseconds a step (median over rounds), the speed relative to the transcription, and the share of the limit.

The limit is the arithmetic alone: the multiply-adds of the network's convolutions up to the layer, forward and back to
the input (each again as many as forward), at the rate of a 3 × 3 convolution of 128 channels measured in this run.
The transcription has GoogLeNet only; for another network it is left out.
"""

import argparse
import statistics
import sys
import time

from contenders import SHARED, answer, in_turns, to_image_tensor, transcription

OCTAVES = 4


def opened(options):
    """Return the section and the network."""
    from seisdream.io.inputs import open_section
    from seisdream.models.registry import load_network

    weights = options.weights if options.network == "googlenet" else None
    return open_section(options.section), load_network(options.network, weights=weights)


def as_ours(options, precision):
    """Return a function that dreams with seisdream."""
    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.settings import DreamSettings

    section, network = opened(options)
    settings = DreamSettings(
        preset="2015", boundary="mirror", octaves=OCTAVES, steps=options.steps, precision=precision, device="cpu"
    )

    def dream():
        Dream(section, network, options.layer, settings=settings).run()

    return dream


def as_transcribed(options, is_frozen):
    """Return a function that dreams with the transcription."""
    from safetensors.torch import load_file

    section, _ = opened(options)
    rgb, dream = to_image_tensor(section), transcription().dream
    weights = load_file(options.weights)
    if not is_frozen:
        # As a network comes in PyTorch, and as Caffe ran it: the backward pass computes the weights' gradients too.
        weights = {name: tensor.requires_grad_(True) for name, tensor in weights.items()}

    def turn():
        dream(weights, rgb, n_octaves=OCTAVES, n_steps=options.steps)

    return turn


CONTENDERS = {
    "transcription": lambda options: as_transcribed(options, False),
    "transcription, frozen weights": lambda options: as_transcribed(options, True),
    "seisdream, float32": lambda options: as_ours(options, "float32"),
    "seisdream, bfloat16": lambda options: as_ours(options, "bfloat16"),
}


def convolution_rates():
    """Return the multiply-adds a second of a large convolution, by precision."""
    import torch

    rates = {}
    for name in ("float32", "bfloat16"):
        convolution = torch.nn.Conv2d(128, 128, 3, padding=1, bias=False)
        convolution = convolution.to(getattr(torch, name), memory_format=torch.channels_last)
        picture = torch.randn(1, 128, 116, 240).to(convolution.weight).contiguous(memory_format=torch.channels_last)
        times = []
        with torch.no_grad():
            for _ in range(12):
                began = time.perf_counter()
                convolution(picture)
                times.append(time.perf_counter() - began)
        rates[name] = convolution.weight.numel() * 116 * 240 / statistics.median(times[2:])
    return rates


def count_multiply_adds(network, layer, size):
    """Return the multiply-adds of the convolutions up to the layer, for one look at a picture of this size."""
    import torch

    from seisdream.models.prepared import PreparedNetwork

    counted = []

    def count(module, _inputs, output):
        counted.append(output[0].numel() * module.weight[0].numel())

    prepared = PreparedNetwork(network, optimize=False)
    for module in prepared.module.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        prepared.record(torch.zeros(1, 1, *size), [layer])
    return sum(counted)


def read_options():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each [5]")
    parser.add_argument("--steps", type=int, default=10, help="steps a turn at each octave [10]")
    parser.add_argument("--network", default="googlenet")
    parser.add_argument("--layer", default="inception_4c/output")
    parser.add_argument("--section", default=str(SHARED / "data" / "f3_inline362.npz"))
    parser.add_argument("--weights", default=str(SHARED / "weights" / "bvlc_googlenet.safetensors"))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Measure and print."""
    options = read_options()
    if options.worker:
        prepare = CONTENDERS.get(options.worker, lambda _: convolution_rates)
        return answer(lambda: prepare(options))
    import torch

    from seisdream.dreaming.schedule import octave_sizes

    is_ours_alone = options.network != "googlenet"
    names = [name for name in CONTENDERS if not (is_ours_alone and name.startswith("transcription"))]
    commands = {name: [sys.executable, __file__, *sys.argv[1:], "--worker", name] for name in (*names, "rates")}
    results, errors = in_turns(commands, options.rounds)
    if errors:
        sys.exit("\n".join(f"{name}: {error}" for name, error in errors.items()))

    section, network = opened(options)
    sizes = octave_sizes((section.shape[0], section.shape[1]), OCTAVES, (1.4, 1.4))
    n_steps = options.steps * OCTAVES
    multiply_adds = 2 * options.steps * sum(count_multiply_adds(network, options.layer, size) for size in sizes)
    rates = {name: statistics.median(one[name] for one in results["rates"]) for name in ("float32", "bfloat16")}
    print(f"{network.name} {options.layer}, octaves {sizes} × {options.steps} steps, {torch.get_num_threads()} threads")
    print(f"a step: {2 * multiply_adds / n_steps / 1e9:.1f} GFLOP forward and back, mean over the octaves")
    print(f"3 × 3 convolution: {', '.join(f'{name} {2 * rate / 1e9:.0f} GFLOP/s' for name, rate in rates.items())}")
    print(f"{'':<30}{'ms a step':>10}{'min–max':>12}{'times':>8}{'of the floor':>14}{'peak GiB':>10}")
    first = [one["seconds"] for one in results[names[0]]]
    for name in names:
        seconds = [one["seconds"] for one in results[name]]
        median, spread = (
            statistics.median(seconds),
            f"{min(seconds) / n_steps * 1e3:.0f}–{max(seconds) / n_steps * 1e3:.0f}",
        )
        ratio = statistics.median(a / b for a, b in zip(first, seconds, strict=True))
        share = multiply_adds / rates["bfloat16" if "bfloat16" in name else "float32"] / median
        memory = max(one["peak_gib"] for one in results[name])
        print(f"{name:<30}{median / n_steps * 1e3:>10.0f}{spread:>12}{ratio:>8.2f}{share:>14.0%}{memory:>10.2f}")
    return None


if __name__ == "__main__":
    main()
