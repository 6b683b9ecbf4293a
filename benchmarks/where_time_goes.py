"""Measure where the time of one evaluation goes: operations by kind, in plain networks and in optimised ones.

    python benchmarks/where_time_goes.py [--network googlenet] [--layer inception_4c/output] [--precision bfloat16]

One gradient on F3 inline 362 by `torch.profiler`; both kinds are profiled in turns in one process. Each operation
counts with its minimum over the evaluations: the profiler's own memory makes the system hand out new pages, and now
and then an operation waits ten times its own time for them, which does not happen without the profiler.
"""

import argparse
import os
import time
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

from torch.profiler import ProfilerActivity, profile

from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.tiled_gradient import TiledGradient
from seisdream.inference.tensors import to_image_tensor
from seisdream.io.inputs import open_section
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping

SHARED = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
REST = "arithmetic and the rest"
KINDS = {
    "convolution, back": ("convolution_backward",),
    "convolution": ("convolution",),
    "pooling, back": ("pool2d_backward", "pool2d_with_indices_backward"),
    "pooling": ("pool2d",),
    "rectification, back": ("threshold_backward",),
    "rectification": ("clamp_min", "relu"),
    "copies, fills, joins": ("copy_", "fill_", "cat", "pixel_shuffle", "constant_pad"),
}


def kind_of(name):
    """Return the kind of an operation by its name."""
    return next((kind for kind, parts in KINDS.items() if any(part in name for part in parts)), REST)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="googlenet")
    parser.add_argument("--layer", default="inception_4c/output")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--evaluations", type=int, default=8)
    options = parser.parse_args()
    section = open_section(SHARED / "data" / "f3_inline362.npz")
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values).clip(0, 255))
    weights = SHARED / "weights" / "bvlc_googlenet.safetensors" if options.network == "googlenet" else None
    network, terms = load_network(options.network, weights=weights), parse(options.layer).terms()
    looks = {
        "as it is": TiledGradient(PreparedNetwork(network, "cpu", options.precision, optimize=False), terms),
        "made quick": TiledGradient(PreparedNetwork(network, "cpu", options.precision), terms),
    }
    least: dict = {name: {} for name in looks}
    whole = {name: [] for name in looks}
    for _ in range(options.evaluations):
        for name, look in looks.items():
            for _ in range(3):
                began = time.perf_counter()
                look(picture)
                whole[name].append(time.perf_counter() - began)
            with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiled:
                look(picture)
            for event, ms in each_of(profiled.events()):
                least[name][event] = min(ms, least[name].get(event, ms))
    spent = {name: defaultdict(float) for name in looks}
    for name, events in least.items():
        for (operation, *_), ms in events.items():
            spent[name][kind_of(operation)] += ms
    print(f"{options.network} {options.layer}, {options.precision}, milliseconds of one look")
    print(f"{'':<26}" + "".join(f"{name:>14}" for name in looks))
    for kind in (*KINDS, REST):
        print(f"{kind:<26}" + "".join(f"{spent[name][kind]:>14.1f}" for name in looks))
    print(f"{'all of these':<26}" + "".join(f"{sum(spent[name].values()):>14.1f}" for name in looks))
    print(f"{'a look, median':<26}" + "".join(f"{1e3 * median(whole[name]):>14.1f}" for name in looks))


def each_of(events):
    """Yield a key for each operation of a look, the same in every look, and its own time in ms."""
    counts = Counter()
    for event in events:
        key = (event.name, str(event.input_shapes))
        counts[key] += 1
        yield (*key, counts[key]), event.self_cpu_time_total / 1e3


if __name__ == "__main__":
    main()
