"""Compare recipes of adversarial training: short runs, each with one change.

    python benchmarks/robust_ablation.py --out DIR [--steps 150] [--judge DIR] [--only NAME ...]

Each row starts from the weights of `facies` (but for "from scratch") and is trained for the same number of steps on
the same earths and real lines, on patches of 128 samples square (but for "patches of 224"). The first row is `facies`
itself. The runs are short, so compare the rows with one another only.

Columns:

- IoU: mean IoU on generated sections that were not used in training;
- enc4, class: correlation of the changes of two seeds, of dreams on a window of F3 inline 362;
- lateral: share of the energy of the change of `enc4` beyond half the lateral Nyquist;
- clinoforms, chaotic, hummocky: rise of the share of the window that an independent network gives to the class of the
  dream (robust_dreams.py), in points.

Dreams are of pixels, as in the recipe of 2015, because nothing but the network then holds wavenumbers back. An
interrupted run is resumed and a finished row is only read. A row takes about two minutes on one core.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from geology_realism import open_lines
from robust_dreams import CLASSES, beyond_half_nyquist, open_judge, spectra
from torch import nn

import seisdream as sd
from seisdream.evaluation.evaluate import NETWORK, evaluate
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.research.independent_classifiers import class_fractions
from seisdream.training import presets
from seisdream.training.loop import Training
from seisdream.training.pretrained import load_pretrained

BASE = {"robust": 0.02, "attack_steps": 1, "clean_share": 0.5, "flip_consistency": 0.0, "start": "facies"}
SIZE, BATCH_SIZE = 128, 4
ROWS = {
    "base": {},
    "radius 0.01": {"robust": 0.01},
    "radius 0.03": {"robust": 0.03},
    "radius 0.05": {"robust": 0.05},
    "no clean share": {"clean_share": 0.0},
    "mirror consistency": {"flip_consistency": 1.0},
    "PGD-2": {"attack_steps": 2},
    "from scratch": {"start": "", "learning_rate": 2e-3},
    "SiLU": {"is_smooth": True},
    "patches of 224": {"size": 224, "batch_size": 2},
    "not robust": {"robust": 0.0},
}
"""Changes from the base by name; `size` and `is_smooth` are this benchmark's own."""

DREAM = {
    "parameterization": "pixel",
    "octaves": 3,
    "steps": 8,
    "step_size": 1.5,
    "smooth": 0.0,
    "precision": "float32",
}
WINDOW = (slice(None), slice(300, 684))
JUDGED = ("clinoforms", "chaotic", "hummocky")
COLUMNS = ("IoU", "enc4", "class", "lateral", *JUDGED)


class Windows:
    """Square windows of the samples of a dataset, at random places."""

    def __init__(self, data, size):
        self.data, self.size, self.classes = data, size, data.classes

    def __getitem__(self, number):
        sample = self.data[number]
        rng = np.random.default_rng([9, number])
        first = [rng.integers(side - self.size + 1) for side in sample.image.shape[-2:]]
        window = (..., *(slice(start, start + self.size) for start in first))
        maps = {name: values[window] for name, values in vars(sample).items() if values is not None}
        return replace(sample, **maps)


def make_smooth(module):
    """Replace each ReLU of a module by a SiLU."""
    for part in list(module.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.ReLU):
                setattr(part, name, nn.SiLU())


def train(row, options):
    """Train a row's network, or resume it, and return it."""
    changes = BASE | {"batch_size": BATCH_SIZE} | ROWS[row]
    size, is_smooth = changes.pop("size", SIZE), changes.pop("is_smooth", False)
    folder = options.out / row.replace(" ", "-")
    settings = presets.PRESETS["facies-robust"].settings.replace(
        **changes, steps=options.steps, validate_every=max(1, options.steps // 3), earths=options.earths,
        unlabelled=options.lines, workers=0,
    )  # fmt: skip
    weights = None
    if settings.start:
        start = load_pretrained(settings.start)
        settings, weights = settings.replace(**start.architecture), start.weights
    plan = presets.plan_preset(settings, options.out / "earths")
    training = Training(plan.settings, Windows(plan.data, size), plan.validation, 4, folder, start=weights)
    if is_smooth:
        make_smooth(training.model)
        make_smooth(training.average)
    for _ in training.states():
        pass
    file = folder / "network.safetensors"
    metadata = ModelMetadata(
        "unet", training.network.settings, tuple(plan.data.classes), plan.colours, title=row, default_layer="enc5"
    )
    write_trained(training.network, metadata, file)
    network = sd.load_network(str(file))
    if is_smooth:  # Files hold networks with ReLU only.
        make_smooth(network.module)
    return network


def measure(network, options):
    """Return the columns of a row."""
    iou = evaluate(network, "generated", sections=options.sections, baselines=False).scores[NETWORK].mean_iou
    section = sd.make_section(open_lines(options.shared)["F3 inline 362"][WINDOW], dt_ms=4.0)
    judge = open_judge(options.judge)
    before = class_fractions(judge, section)

    def change(objective, seed=0):
        found = sd.dream(section, network, objective, seed=seed, **DREAM).dataset
        return (found["dream"] - found["before"]).values

    layer = [change("enc4", seed) for seed in (0, 1)]
    dreams = {name: change(f"class:{name}") for name in JUDGED}
    again = change(f"class:{JUDGED[0]}", seed=1)
    rises = {
        name: 100.0 * (class_fractions(judge, section + values) - before)[CLASSES.index(name)]
        for name, values in dreams.items()
    }
    found = {
        "IoU": iou,
        "enc4": np.corrcoef(layer[0].ravel(), layer[1].ravel())[0, 1],
        "class": np.corrcoef(dreams[JUDGED[0]].ravel(), again.ravel())[0, 1],
        "lateral": beyond_half_nyquist(spectra(layer[0])[1]),
        **rises,
    }
    return {name: float(value) for name, value in found.items()}


def print_row(row, found):
    cells = [f"{found['IoU']:.3f}", f"{found['enc4']:.2f}", f"{found['class']:.2f}", f"{found['lateral']:.2%}"]
    cells += [f"{found[name]:+.0f}" for name in JUDGED]
    print(f"| {row} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a folder for each row, and the earths of all")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--earths", type=int, default=2500)
    parser.add_argument("--sections", type=int, default=16, help="generated sections on which IoU is measured")
    parser.add_argument("--judge", type=Path, default=Path("build/robust_dreams"), help="where the judge is kept")
    parser.add_argument("--lines", nargs="+", help="real lines without labels; by default F3 inline 362 and 31-81")
    parser.add_argument("--only", nargs="+", choices=["facies", *ROWS], default=["facies", *ROWS])
    options = parser.parse_args()
    options.shared = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    data = options.shared / "data"
    options.lines = options.lines or [str(data / "f3_inline362.npz"), str(data / "31_81_PR.sgy")]
    print(
        f"| {options.steps} steps | " + " | ".join(COLUMNS) + " |\n" + "| --- " * (len(COLUMNS) + 1) + "|", flush=True
    )
    for row in options.only:
        file = options.out / row.replace(" ", "-") / "row.json"
        if not file.is_file():
            began = time.process_time()
            network = sd.load_network("facies") if row == "facies" else train(row, options)
            found = measure(network, options) | {"cpu_seconds": time.process_time() - began}
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found))
        print_row(row, json.loads(file.read_text()))


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
