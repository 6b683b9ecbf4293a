"""Measure what each part of the training of `facies` contributes: short runs, each without one part.

    python benchmarks/ablation.py --out DIR [--steps 1500] [--lines INPUT ...] [--only NAME ...]

Each variant is trained from random weights on the same earths with the same seed, for the same number of steps.
Printed for each: mean IoU on generated sections that were not used in training, mean IoU on shifted ones (outside the
training range of all variants but one), and the balanced accuracy of a linear probe of all stages for the textures of
F3 inline 362 (textures.py). All variants but the last are trained without flip consistency; in the last, mirror images
are half of each batch, so that every run is trained on as many pictures. The runs are short and half as wide as the
shipped network, so compare the rows with one another only. An interrupted run is resumed, and a finished one is only
read. One run takes about 5 minutes on two cores.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from textures import score_textures

from seisdream.data.dataset import MixtureDataset
from seisdream.data.synthetic_stream import GeneratedEarths, shifted_settings
from seisdream.evaluation.evaluate import NETWORK, evaluate
from seisdream.models.registry import load_network
from seisdream.synthetic import EarthSettings
from seisdream.training import presets
from seisdream.training.loop import Training
from seisdream.training.run_files import write_results

FULL = presets.PRESETS["facies"]
TASKS = FULL.settings.tasks
OF_EARTHS = {name: TASKS[name] for name in ("fault", "dip", "impedance")}
HALF_WIDTHS = [16, 16, 32, 64, 80, 112]
# Recordings without noise, attenuation, footprint and gain; only the wavelet remains.
CLEAN = EarthSettings(
    q=(1000.0, 1000.0), smoothing=(0.9, 0.9), noise=(0.01, 0.01), uneven=(0.1, 0.1), coherent=(0.0, 0.0),
    footprint=(0.0, 0.0), gain=(0.4, 0.4),
)  # fmt: skip

VARIANTS = {
    "everything": {},
    "classes only": {"tasks": {}, "unlabelled_share": 0.0},
    "classes, faults, dips and impedance of earths": {"tasks": OF_EARTHS, "unlabelled_share": 0.0},
    "the same and attributes, no real lines": {
        "tasks": {name: TASKS[name] for name in (*OF_EARTHS, "attributes")},
        "unlabelled_share": 0.0,
    },
    "all but the position on real lines": {"tasks": {name: TASKS[name] for name in (*OF_EARTHS, "attributes")}},
    "noise-free recordings": {"earths": CLEAN},
    "twice as wide": {"widths": None},
    "the third, on shifted earths": {"tasks": OF_EARTHS, "unlabelled_share": 0.0, "earths": shifted_settings()},
    "with mirror images": {
        "flip_consistency": FULL.settings.flip_consistency,
        "batch_size": FULL.settings.batch_size,
    },
}


def run_of(variant, folder, options):
    """Prepare a variant's run."""
    changes = dict(VARIANTS[variant])
    widths = changes.pop("widths", HALF_WIDTHS)
    share = changes.pop("unlabelled_share", FULL.unlabelled_share)
    settings = FULL.settings.replace(
        preset="ablation", tasks=changes.pop("tasks", TASKS), steps=options.steps, validate_every=options.steps,
        widths=widths, flip_consistency=changes.pop("flip_consistency", 0.0),
        batch_size=changes.pop("batch_size", 2 * FULL.settings.batch_size), earths=options.earths,
        unlabelled=options.lines if share else (),
    )  # fmt: skip
    presets.PRESETS["ablation"] = replace(FULL, settings=settings, unlabelled_share=share)
    run = presets.plan_preset(settings, folder)
    if "earths" in changes:
        earths = GeneratedEarths(presets.TRAINING_SEED, options.earths, settings=changes["earths"], folder=folder)
        mixed = (
            MixtureDataset([earths, *run.data.datasets[1:]], run.data.shares, presets.TRAINING_SEED)
            if share
            else earths
        )
        run = replace(run, data=mixed)
    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--earths", type=int, default=FULL.settings.earths)
    parser.add_argument("--sections", type=int, default=32)
    parser.add_argument("--lines", nargs="+", default=list(FULL.settings.unlabelled))
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    options = parser.parse_args()
    print(f"{'variant':42}{'mean IoU':>10}{'shifted':>10}{'textures':>10}", flush=True)
    for variant in options.only:
        folder = options.out / variant.replace(" ", "-").replace(",", "")
        file = folder / "network.safetensors"
        if not file.is_file():
            run = run_of(variant, options.out / "earths", options)
            training = Training(run.settings, run.data, run.validation, run.n_validation, folder)
            for _ in training.states():
                pass
            run = replace(run, settings=run.settings.replace(baselines=False))
            write_results(folder, run, training, training.validate())
        network = load_network(str(file))
        scores = [
            evaluate(network, data, sections=options.sections, baselines=False).scores[NETWORK].mean_iou
            for data in ("generated", "generated:shifted")
        ]
        print(f"{variant:42}{scores[0]:>10.3f}{scores[1]:>10.3f}{score_textures(network)[0]:>10.3f}", flush=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
