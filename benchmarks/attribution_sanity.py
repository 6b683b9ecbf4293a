"""Compare how attribution maps of networks depend on what the networks learned: the randomization test on F3.

    python benchmarks/attribution_sanity.py facies facies-robust [--methods grad-cam integrated-gradients]

For each network, method and target on F3 inline 362, the similarity of its map to those of networks with random
weights, with signs and in magnitude (1: the same map), as `seisdream attribute --sanity` measures it. Lower is better.
The targets are points around which `facies` gives salt, clinoforms and parallel-low beds 0.98 or more. Integrated
gradients take 64 steps, for the maps of random networks too.
"""

import argparse
import os
from pathlib import Path

import numpy as np

import seisdream as sd
from seisdream.attribution.attributor import Attributor
from seisdream.attribution.randomization_test import randomization_test
from seisdream.attribution.settings import AttributionSettings

TARGETS = {"class:salt": (863, 1704), "class:clinoforms": (802, 808), "class:parallel-low": (1126, 1436)}
STEPS = 64


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+")
    parser.add_argument(
        "--methods", nargs="+", default=["grad-cam"], help="grad-cam, integrated-gradients, lrp, occlusion"
    )
    parser.add_argument("--targets", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    options = parser.parse_args()
    shared = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    section = sd.open_section(shared / "data" / "f3_inline362.npz")
    print("| network | method | target | with signs | in magnitude | outcome |\n" + "| --- " * 6 + "|")
    for name in options.networks:
        network = sd.load_network(name)
        for method in options.methods:
            steps = {"steps": STEPS} if method == "integrated-gradients" else {}
            tests = []
            for target in options.targets:
                settings = AttributionSettings(method=method, **steps)
                test = randomization_test(
                    Attributor(section, network, target, at=TARGETS[target], settings=settings), network
                )
                tests.append(test)
                print(
                    f"| {name} | {method} | {target} | {test.signed:.2f} | {test.strength:.2f} | {test.outcome} |",
                    flush=True,
                )
            if len(tests) > 1:
                signed, strength = (np.mean([getattr(one, key) for one in tests]) for key in ("signed", "strength"))
                print(f"| {name} | {method} | mean | {signed:.2f} | {strength:.2f} | |", flush=True)


if __name__ == "__main__":
    main()
