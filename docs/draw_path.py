"""Draw the path check of four networks on F3 inline 362: docs/pictures/path-f3.jpg.

    python docs/draw_path.py [SHARED] [--drawn-only]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA) and
weights/bvlc_googlenet.safetensors, by default ../shared beside the project. Prints for every class of facies and
facies-robust, and for channels of GoogLeNet and of facies with random weights, at which layers its dream is natural.
Dreams are on a window of 224 samples and 320 traces, with the default settings; real patches are from the whole line
and from generated earths. With --drawn-only only what the figure shows is dreamed.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from draw_pictures import save

import seisdream as sd
from seisdream.errors import SeisdreamError
from seisdream.plotting.path import draw_paths
from seisdream.seismic.sections import GreyMapping
from seisdream.significance.path_reference import PathReference

SHARED = Path(__file__).parents[2] / "shared"
WINDOW = (slice(100, 324), slice(360, 680))
N_CHANNELS = 4
DRAWN = ("class:clinoforms", "class:salt")


def channels(network, layer, line):
    """Return channels of a layer as objectives: evenly from the half that is most active on the line."""
    strength = sd.record_activations(line, network, layer).values.mean((1, 2))
    order = np.argsort(-strength)[: len(strength) // 2]
    return [f"{layer}:{order[number]}" for number in np.linspace(0, len(order) - 1, N_CHANNELS).round().astype(int)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--drawn-only", action="store_true")
    options = parser.parse_args()
    matplotlib.use("agg")
    values = np.load(options.shared / "data" / "f3_inline362.npz")["amplitude"].astype(np.float32)[14:]
    line, section = sd.make_section(values, dt_ms=4.0), sd.make_section(values[WINDOW], dt_ms=4.0)
    googlenet = sd.load_network("googlenet", weights=str(options.shared / "weights" / "bvlc_googlenet.safetensors"))
    networks = {
        "facies": sd.load_network("facies"),
        "facies-robust": sd.load_network("facies-robust"),
        "facies@random": sd.load_network("facies@random"),
        "googlenet": googlenet,
    }
    panels = {}
    for name, network in networks.items():
        if name in ("facies", "facies-robust"):
            objectives = [f"class:{one}" for one in network.classes]
        else:
            objectives = channels(network, network.default_layer, line)
        if options.drawn_only:
            objectives = [one for one in objectives if one in DRAWN] or objectives[:1]
        reference = PathReference(network, objectives, [line])
        shares, natural = [], 0
        for number, objective in enumerate(objectives):
            dream = sd.dream(section, network, objective, allow_undersized=True).dream
            try:
                check = reference.check(dream, GreyMapping.of(section), number)
            except SeisdreamError as error:
                print(f"{name}, {objective}: {error}", flush=True)
                continue
            print(f"{name}, {objective}: {check} ({check.n_real} real patches)", flush=True)
            shares.append(check.share)
            natural += check.share == 1.0
            if objective in DRAWN or (not objective.startswith("class:") and number == 0):
                panels[f"{name}, {objective}"] = check.to_dict()["layers"]
        print(
            f"{name}: {natural} of {len(shares)} natural at every layer; share of layers {np.mean(shares):.2f}",
            flush=True,
        )
    order = sorted(panels, key=lambda one: (not one.endswith(DRAWN), one.split(", ")[1]))
    save(draw_paths({one: panels[one] for one in order}), "path-f3", dpi=90)


if __name__ == "__main__":
    main()
