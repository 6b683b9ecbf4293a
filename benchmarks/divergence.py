"""Measure how fast two dreams diverge that begin almost equal: the recipe is chaotic.

    python benchmarks/divergence.py [--perturbation 1e-5]

On F3 inline 362 with BVLC GoogLeNet at inception_4c/output, one octave, no jitter, float32: one dream starts from
the section's grey levels, another from the same with normal noise of the given size added. Printed by step: the
correlation of the changes of the two, and the ratio of their scores; once for float amplitudes and once for the
picture rounded to 8 bits. Where neighbours are equal (the muted top of the section, 3 % of its samples) the choice of
a max-pool is arbitrary and the smallest perturbation decides it, so the section below the mute has its own column.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch

from seisdream.dreaming.objectives.terms import Layer
from seisdream.dreaming.parameterizations.pixel import gradient_ascent_step
from seisdream.dreaming.tiled_gradient import TiledGradient
from seisdream.inference.tensors import to_image_tensor
from seisdream.io.inputs import open_section
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping

SHOWN = (1, 2, 5, 10, 20, 40)
# The mute ends at row 14; what sees it at this layer's finer stages ends here.
BELOW_MUTE = 60


def main():
    shared = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--perturbation", type=float, default=1e-5, help="in grey levels [1e-5]")
    parser.add_argument("--section", default=str(shared / "data" / "f3_inline362.npz"))
    parser.add_argument("--weights", default=str(shared / "weights" / "bvlc_googlenet.safetensors"))
    options = parser.parse_args()
    section = open_section(options.section)
    network = load_network("googlenet", weights=options.weights)
    gradient = TiledGradient(PreparedNetwork(network, "cpu", "float32"), (Layer("inception_4c/output"),))
    grey = GreyMapping.of(section).to_grey(section.values).clip(0, 255)
    noise = np.random.default_rng(0).normal(scale=options.perturbation, size=grey.shape).astype(np.float32)
    for name, start in (("float amplitudes", grey), ("8-bit picture", np.rint(grey))):
        starts = [to_image_tensor(start), to_image_tensor(start + noise)]
        pictures = list(starts)
        print(f"{name}, perturbed by {options.perturbation:g} grey levels")
        print(f"{'step':>5}{'correlation of changes':>24}{'below the mute':>16}{'ratio of scores':>17}")
        for step in range(1, max(SHOWN) + 1):
            scores = []
            for index, picture in enumerate(pictures):
                score, direction = gradient(picture)
                scores.append(score)
                pictures[index] = gradient_ascent_step(picture, direction, 1.5)
            if step in SHOWN:
                changes = torch.cat([a - b for a, b in zip(pictures, starts, strict=True)])
                whole, below = (
                    torch.corrcoef(part.flatten(1))[0, 1].item() for part in (changes, changes[..., BELOW_MUTE:, :])
                )
                print(f"{step:>5}{whole:>24.5f}{below:>16.5f}{scores[1] / scores[0]:>17.4f}")


if __name__ == "__main__":
    main()
