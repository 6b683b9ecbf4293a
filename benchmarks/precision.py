"""Measure what a lower precision costs: the direction of the gradient, and the score that a dream reaches.

    python benchmarks/precision.py [--seeds 5] [--steps 10] [--picture FILE.png]

On F3 inline 362, GoogLeNet at inception_4c/output and `facies` at enc5. For each precision: the cosine of one
gradient with that of float64, and the score after four octaves of steps, over that of float32 with the same seed (mean
and extremes over seeds): the recipe is chaotic, so pixels are not compared. With --picture both dreams of the first
seed are drawn side by side.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.tiled_gradient import TiledGradient
from seisdream.inference.tensors import to_image_tensor
from seisdream.io.inputs import open_section
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping

SHARED = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
PRECISIONS = ("float32", "bfloat16")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--section", default=str(SHARED / "data" / "f3_inline362.npz"))
    parser.add_argument("--weights", default=str(SHARED / "weights" / "bvlc_googlenet.safetensors"))
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    section = open_section(options.section)
    mapping = GreyMapping.of(section)
    picture = to_image_tensor(mapping.to_grey(section.values).clip(0, 255))
    googlenet, facies = load_network("googlenet", weights=options.weights), load_network("facies")
    shown = []
    print(f"{'':<34}{'precision':<10}{'cosine':>10}{'score after the dream, over that of float32':>46}")
    for layer, network in {"inception_4c/output": googlenet, "enc5": facies}.items():
        terms = parse(layer).terms()
        exact = TiledGradient(PreparedNetwork(network, "cpu", "float64", optimize=False), terms)(picture.double())[1]
        scores = {}
        for precision in PRECISIONS:
            gradient = TiledGradient(PreparedNetwork(network, "cpu", precision), terms)(picture)[1].double()
            cosine = float(torch.nn.functional.cosine_similarity(exact.flatten(), gradient.flatten(), dim=0))
            scores[precision] = []
            for seed in range(options.seeds):
                settings = DreamSettings(
                    preset="2015",
                    boundary="mirror",
                    layer=layer,
                    steps=options.steps,
                    octaves=4,
                    precision=precision,
                    device="cpu",
                    seed=seed,
                )
                dream = Dream(section, network, settings=settings)
                scores[precision].append([state.score for state in dream.states()][-1])
                if not seed:
                    shown.append((f"{network.name} {layer}, {precision}", mapping.to_grey(dream.section.values)))
            ratios = np.divide(scores[precision], scores["float32"])
            summary = f"mean {ratios.mean():.4f} ({ratios.min():.3f} to {ratios.max():.3f})"
            print(f"{network.name + ' ' + layer:<34}{precision:<10}{cosine:>10.6f}{summary:>46}", flush=True)
    if options.picture:
        figure = Figure(figsize=(9, 5), dpi=80, layout="constrained")
        for axis, (title, grey) in zip(figure.subplots(2, 2).flat, shown, strict=True):
            axis.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto")
            axis.set_title(title, fontsize=8, loc="left")
            axis.set_axis_off()
        FigureCanvasAgg(figure).draw()
        drawn = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("L")
        drawn.save(options.picture, optimize=True)


if __name__ == "__main__":
    main()
