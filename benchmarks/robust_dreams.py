"""Measure how much the dreams of a facies network look like seismic, and whether another network recognises them.

    python benchmarks/robust_dreams.py NETWORK [NETWORK ...] [--judge FOLDER] [--parameterization pixel]

On F3 inline 362 and line 31-81 (the first 4 s), for whole layers and for each class, with the default recipe in
float32 and two seeds:

- seeds: correlation of the changes of two seeds, sample by sample;
- change: RMS of the change over that of the line;
- above band: share of the change's energy at frequencies above which the line has 1 % of its own;
- lateral: share of the change's energy beyond half the lateral Nyquist (in brackets that of the line);
- coherence: of the dream, from the structure tensor (in brackets that of the line);
- judged: rise of the share of the line that an independent network (other seed and architecture, not robust) gives to
  the class of the dream, in points; and attributes: the same by trees on classical attributes;
- AUC: how well a small network, trained on the first 60 % of the traces, distinguishes real 64 × 64 patches of the last
  30 % from dreamed ones; 0.5 is indistinguishable.

The judge is trained once (minutes) and kept in FOLDER. Mean IoU is measured by `seisdream evaluate`.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from geology_realism import BLOCKS, PATCH, auc, cut, open_lines, tell_apart

import seisdream as sd
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.research.experiments.trained_networks import train_network
from seisdream.research.independent_classifiers import AttributeClassifier, NetworkClassifier, class_fractions
from seisdream.seismic.attributes import dip_and_coherence
from seisdream.synthetic import FACIES
from seisdream.training.settings import TrainingSettings

CLASSES = tuple(facies.name for facies in FACIES)
JUDGE_WIDTHS, JUDGE_SEED, JUDGE_EARTHS_SEED = (16, 32, 64, 96), 1, 5
N_PATCHES = 300


def open_judge(folder):
    """Return the network that judges; it is trained if the folder does not hold it yet."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "network.safetensors"
    if file.is_file():
        return NetworkClassifier(sd.load_network(str(file)))
    earths = GeneratedEarths(JUDGE_EARTHS_SEED, 1200, size=128, folder=folder / "earths")
    settings = TrainingSettings(
        widths=JUDGE_WIDTHS, steps=2500, seed=JUDGE_SEED, class_balance=0.4, validate_every=500, workers=0
    )
    title = "an independent classifier"
    return NetworkClassifier(
        train_network(settings, earths, folder, title=title, default_layer="enc4", colours=earths.colours)
    )


def train_trees():
    """Return the judge that knows nothing but classical attributes."""
    earths = GeneratedEarths(JUDGE_EARTHS_SEED, size=192, augmentation=None)
    samples = [earths[number] for number in range(96)]
    examples = [(sd.make_section(sample.image[0], dt_ms=4.0), sample.classes) for sample in samples]
    return AttributeClassifier(CLASSES, examples)


def spectra(values):
    """Return the power of an array ``(time, trace)`` by vertical and by lateral wavenumber."""
    tapered = values * np.hanning(values.shape[0])[:, None]
    vertical = (np.abs(np.fft.rfft(tapered, axis=0)) ** 2).sum(1)
    lateral = (np.abs(np.fft.rfft(values * np.hanning(values.shape[1]), axis=1)) ** 2).sum(0)
    return vertical / vertical.sum(), lateral / lateral.sum()


def beyond_half_nyquist(lateral):
    """Return the share of power beyond half the lateral Nyquist."""
    return lateral[len(lateral) // 2 :].sum()


def coherence(values):
    """Return the mean coherence of an array ``(time, trace)``."""
    return float(np.mean(dip_and_coherence(values / values.std(), (3.0, 3.0))[1]))


def measure(line, network, objective, judges, before, settings):
    """Dream twice; return the numbers of one objective on one line, and the first dream."""
    section = sd.make_section(line, dt_ms=4.0)
    results = [sd.dream(section, network, objective, seed=seed, **settings).dataset for seed in (0, 1)]
    changes = [(one["dream"] - one["before"]).values for one in results]
    dream = results[0]["dream"].values
    vertical, _ = spectra(line)
    top = np.searchsorted(np.cumsum(vertical), 0.99)
    of_change, lateral = spectra(changes[0])
    found = {
        "seeds": np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1],
        "change": np.sqrt(np.mean(changes[0] ** 2) / np.mean(line**2)),
        "above band": of_change[top:].sum(),
        "lateral": beyond_half_nyquist(lateral),
        "coherence": coherence(dream),
    }
    if objective.startswith("class:"):
        code = CLASSES.index(objective.removeprefix("class:"))
        for name, judge in judges.items():
            found[name] = class_fractions(judge, sd.make_section(dream, dt_ms=4.0))[code] - before[name][code]
    return found, dream


def realism(lines, dreams, rng):
    """Return how well a network distinguishes real patches from dreamed ones, on traces that it was not trained on."""
    training, test = BLOCKS["test"]

    def patches(block):
        real = np.concatenate([cut(line, PATCH, N_PATCHES, rng, block) for line in lines.values()])
        made = np.concatenate([cut(dream, PATCH, len(real) // len(dreams) + 1, rng, block) for dream in dreams])
        return real, made[rng.permutation(len(made))[: len(real)]]

    model = tell_apart(*patches(training), 12)
    real, made = patches(test)
    with torch.no_grad():
        scores = model(torch.from_numpy(np.concatenate([real, made]).astype(np.float32))[:, None])[:, 0].numpy()
    return auc(scores, np.arange(len(scores)) < len(real))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--judge", type=Path, default=Path("build/robust_dreams"), help="where the judge is kept")
    parser.add_argument("--parameterization", default=None, help="by default the recipe's")
    parser.add_argument("--layers", nargs="*", default=["enc4", "enc5"])
    parser.add_argument("--classes", nargs="*", default=list(CLASSES))
    parser.add_argument("--lines", nargs="*", default=["F3 inline 362", "line 31-81"])
    options = parser.parse_args()
    settings = {"precision": "float32"}
    if options.parameterization:
        settings["parameterization"] = options.parameterization
    shared = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    lines = {name: line for name, line in open_lines(shared).items() if name in options.lines}
    judges = {"judged": open_judge(options.judge), "attributes": train_trees()}
    objectives = [*options.layers, *(f"class:{name}" for name in options.classes)]
    for name in options.networks:
        network, dreams, table = sd.load_network(name), [], {}
        for title, line in lines.items():
            before = {one: class_fractions(judge, sd.make_section(line, dt_ms=4.0)) for one, judge in judges.items()}
            print(
                f"\n{name}, {title}: lateral {beyond_half_nyquist(spectra(line)[1]):.2%}, "
                f"coherence {coherence(line):.2f}, change is the RMS of the line's"
            )
            for objective in objectives:
                found, dream = measure(line, network, objective, judges, before, settings)
                dreams.append(dream)
                table.setdefault(objective, []).append(found)
                print(f"{objective:24}" + "  ".join(f"{key} {value:+.3f}" for key, value in found.items()), flush=True)
        classes = [found for objective, rows in table.items() if objective.startswith("class:") for found in rows]
        if classes:
            means = {key: np.mean([found[key] for found in classes]) for key in classes[0]}
            print(f"{'mean of classes':24}" + "  ".join(f"{key} {value:+.3f}" for key, value in means.items()))
        print(f"AUC, real against dreamed: {realism(lines, dreams, np.random.default_rng(0)):.3f}", flush=True)


if __name__ == "__main__":
    main()
