"""Measure how much the dreams of a network look like seismic, whether other judges recognise them, and its accuracy.

    python benchmarks/robust_dreams.py NETWORK [NETWORK ...] [--judge FOLDER] [--googlenet WEIGHTS] [--quick]

On F3 inline 362 and line 31-81 (the first 4 s), for whole layers and for each class, with the default recipe in
float32 and two seeds:

- seeds: correlation of the changes of two seeds, sample by sample;
- change: RMS of the change over that of the line;
- above band: share of the change's energy at frequencies above which the line has 1 % of its own;
- lateral: share of the change's energy beyond half the lateral Nyquist;
- coherence: of the dream, from the structure tensor;
- judged: rise of the share of the line that an independent network (other seed and architecture, not robust) gives to
  the class of the dream, in points; and trees: the same by trees on classical attributes;
- attribute: change of the classical attribute that distinguishes the class most on generated earths, in standard
  deviations there, with the sign that the class has: positive agrees. Classes that no attribute distinguishes by 0.8
  standard deviations or more have none. Amplitudes are those of the line's scale, not of the dream's own.

Then, for each network:

- AUC: how well a small network, trained on the first 60 % of the traces, distinguishes real 64 × 64 patches of the last
  30 % from dreamed ones, as mean and standard deviation over three seeds; 0.5 is indistinguishable. Each change is
  scaled so that its RMS is 0.4 of the line's, so that a network does not win by changing less; also for dreams as they
  are. GoogLeNet, which knows no facies, dreams on two of its layers.
- IoU on generated sections that were not used in training, and the goals, each with the values of both lines.

The judge is trained once (minutes) and kept in FOLDER. --quick measures windows of 448 samples and 400
traces, with one seed of the AUC.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from geology_realism import BLOCKS, PATCH, auc, cut, open_lines, tell_apart

import seisdream as sd
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.evaluation.evaluate import NETWORK, evaluate
from seisdream.research.experiments.trained_networks import train_network
from seisdream.research.independent_classifiers import (
    ATTRIBUTES,
    AttributeClassifier,
    NetworkClassifier,
    class_fractions,
    compute_attributes,
)
from seisdream.seismic.attributes import dip_and_coherence
from seisdream.synthetic import FACIES
from seisdream.training.settings import TrainingSettings

CLASSES = tuple(facies.name for facies in FACIES)
JUDGE_WIDTHS, JUDGE_SEED, JUDGE_EARTHS_SEED = (16, 32, 64, 96), 1, 5
LAYERS, GOOGLENET_LAYERS = ("enc4", "enc5"), ("inception_3b/output", "inception_4c/output")
N_PATCHES, EQUAL_CHANGE, N_CLASSIFIERS = 300, 0.4, 3
QUICK_WINDOW = (slice(0, 448), slice(300, 700))
DISTINGUISHES, LOST = 0.8, 0.3  # Standard deviations of an attribute; IoU below which a class is lost.


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


class ClassicalAttributes:
    """Trees on all classical attributes, and for each class the attribute that distinguishes it most."""

    def __init__(self, n_earths=96):
        earths = GeneratedEarths(JUDGE_EARTHS_SEED, size=192, augmentation=None)
        samples = [earths[number] for number in range(n_earths)]
        examples = [(sd.make_section(sample.image[0], dt_ms=4.0), sample.classes) for sample in samples]
        self.trees = AttributeClassifier(CLASSES, examples)
        values = np.concatenate([compute_attributes(section).reshape(-1, len(ATTRIBUTES)) for section, _ in examples])
        labels = np.concatenate([classes.ravel() for _, classes in examples])
        self.deviations = values.std(0)
        self.of_class = {}
        for code, name in enumerate(CLASSES):
            effect = (values[labels == code].mean(0) - values[labels != code].mean(0)) / self.deviations
            best = int(np.argmax(np.abs(effect)))
            if abs(effect[best]) >= DISTINGUISHES:
                self.of_class[name] = (best, float(np.sign(effect[best])))

    def change(self, name, line, dream):
        """Return the change of a class's attribute in its own direction, in standard deviations; NaN without one."""
        if name not in self.of_class:
            return np.nan
        best, sign = self.of_class[name]
        before, after = (
            compute_attributes(sd.make_section(values, dt_ms=4.0))[..., best].mean() for values in (line, dream)
        )
        if ATTRIBUTES[best].startswith("amplitude"):  # Each section is scaled by its own standard deviation.
            after += 2.0 * np.log(dream.std() / line.std())
        return sign * (after - before) / self.deviations[best]


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


def measure(line, network, objective, judges, before):
    """Dream twice; return the numbers of one objective on one line, and the change of the first dream."""
    section = sd.make_section(line, dt_ms=4.0)
    results = [sd.dream(section, network, objective, seed=seed, precision="float32").dataset for seed in (0, 1)]
    changes = [(one["dream"] - one["before"]).values for one in results]
    dream = results[0]["dream"].values
    top = np.searchsorted(np.cumsum(spectra(line)[0]), 0.99)
    vertical, lateral = spectra(changes[0])
    found = {
        "seeds": np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1],
        "change": np.sqrt(np.mean(changes[0] ** 2) / np.mean(line**2)),
        "above band": vertical[top:].sum(),
        "lateral": beyond_half_nyquist(lateral),
        "coherence": coherence(dream),
    }
    if objective.startswith("class:"):
        name = objective.removeprefix("class:")
        judge, classical = judges
        for title, one in (("judged", judge), ("trees", classical.trees)):
            fractions = class_fractions(one, sd.make_section(dream, dt_ms=4.0))
            found[title] = (fractions - before[title])[CLASSES.index(name)]
        found["attribute"] = classical.change(name, line, dream)
    return found, changes[0]


def realism(pairs, seed):
    """Return how well a network distinguishes real patches from dreamed ones, on traces that it was not trained on.

    Parameters
    ----------
    pairs : list of (line, dream)
        Arrays ``(time, trace)``.
    seed : int
        Of the patches and the network.
    """
    rng = np.random.default_rng(seed)
    n = -(-2 * N_PATCHES // len(pairs))

    def patches(block):
        both = [np.concatenate([cut(one, PATCH, n, rng, block) for one in side]) for side in zip(*pairs, strict=True)]
        return [side.astype(np.float32) for side in both]

    training, test = BLOCKS["test"]
    model = tell_apart(*patches(training), 12, seed)
    real, dreamed = patches(test)
    with torch.no_grad():
        scores = model(torch.from_numpy(np.concatenate([real, dreamed]))[:, None])[:, 0].numpy()
    return auc(scores, np.arange(len(scores)) < len(real))


def print_realism(changes, n_classifiers):
    """Print the AUC of dreams as they are and at equal change."""
    for kind, pairs in changes.items():
        for title, scaled in (
            ("as they are", pairs),
            ("at equal change", [(line, EQUAL_CHANGE * change * _rms(line) / _rms(change)) for line, change in pairs]),
        ):
            dreams = [(line, line + change) for line, change in scaled]
            scores = [realism(dreams, seed) for seed in range(n_classifiers)]
            print(f"AUC, dreams of {kind} {title}: {np.mean(scores):.3f} ± {np.std(scores):.3f}", flush=True)


def _rms(values):
    return np.sqrt(np.mean(values**2))


def goals(table, lines, iou, lowest):
    """Return the rows of the table of goals: what, goal, and the value of each line."""
    classes = [name for name in table if name.startswith("class:")]

    def of_lines(key, names):
        return [float(np.nanmean([table[name][line][key] for name in names])) for line in lines]

    rows = [
        (f"seeds, {name}", f"≥ {goal:.2f}", [f"{value:.2f}" for value in of_lines("seeds", [name])])
        for name, goal in (("enc4", 0.80), ("enc5", 0.82))
        if name in table
    ]
    own = [beyond_half_nyquist(spectra(line)[1]) for line in lines.values()]
    agree = [
        [name.removeprefix("class:") for name in classes if table[name][line]["attribute"] < 0.0] for line in lines
    ]
    rise = [sum(table[name][line]["trees"] > 0.0 for name in classes) for line in lines]
    n = [int(np.sum([np.isfinite(table[name][line]["attribute"]) for name in classes])) for line in lines]
    return [
        *rows,
        ("seeds, mean of classes", "≥ 0.70", [f"{value:.2f}" for value in of_lines("seeds", classes)]),
        ("energy above the band, mean", "≤ 1 %", [f"{value:.1%}" for value in of_lines("above band", table)]),
        (
            "energy beyond half the lateral Nyquist, mean",
            "the line's own, " + ", ".join(f"{share:.2%}" for share in own),
            [f"{value:.2%}" for value in of_lines("lateral", table)],
        ),
        ("judge's rise, mean, points", "≥ 50", [f"{100 * value:.0f}" for value in of_lines("judged", classes)]),
        ("classes that rise, trees on attributes", "all", [f"{n_rise} of {len(classes)}" for n_rise in rise]),
        (
            "attributes agree in sign",
            "every class that has one",
            [
                f"{total - len(wrong)} of {total}" + (f" (not {', '.join(wrong)})" if wrong else "")
                for total, wrong in zip(n, agree, strict=True)
            ],
        ),
        ("mean IoU, generated", "≥ 0.66", [f"{iou:.3f}"]),
        ("lowest IoU of a class", f"≥ {LOST}", [f"{lowest[1]:.2f} ({lowest[0]})"]),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--judge", type=Path, default=Path("build/robust_dreams"), help="where the judge is kept")
    parser.add_argument("--googlenet", help="weights of GoogLeNet, for its AUC")
    parser.add_argument("--classes", nargs="*", default=list(CLASSES))
    parser.add_argument("--lines", nargs="*", default=["F3 inline 362", "line 31-81"])
    parser.add_argument("--sections", type=int, default=64, help="generated sections on which IoU is measured")
    parser.add_argument("--quick", action="store_true", help="windows of the lines, and 16 generated sections")
    options = parser.parse_args()
    shared = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    lines = {name: line for name, line in open_lines(shared).items() if name in options.lines}
    if options.quick:
        lines = {name: line[QUICK_WINDOW] for name, line in lines.items()}
    judges = open_judge(options.judge), ClassicalAttributes()
    print("classical attribute of each class: " + ", ".join(
        f"{name} {'+' if sign > 0 else '−'} {ATTRIBUTES[best]}" for name, (best, sign) in judges[1].of_class.items()
    ))  # fmt: skip
    for name in [*options.networks, *(["googlenet"] if options.googlenet else [])]:
        knows_facies = name != "googlenet"
        network = sd.load_network(name, weights=None if knows_facies else options.googlenet)
        kinds = {"layers": LAYERS if knows_facies else GOOGLENET_LAYERS}
        if knows_facies and options.classes:
            kinds["classes"] = [f"class:{one}" for one in options.classes]
        changes, table = {kind: [] for kind in kinds}, {}
        for title, line in lines.items():
            section = sd.make_section(line, dt_ms=4.0)
            before = {"judged": class_fractions(judges[0], section), "trees": class_fractions(judges[1].trees, section)}
            own = f"lateral {beyond_half_nyquist(spectra(line)[1]):.2%}, coherence {coherence(line):.2f}"
            print(f"\n{name}, {title} ({own})")
            for kind, objectives in kinds.items():
                for objective in objectives:
                    found, change = measure(line, network, objective, judges, before)
                    changes[kind].append((line, change))
                    table.setdefault(objective, {})[title] = found
                    print(
                        f"{objective:24}" + "  ".join(f"{key} {value:+.3f}" for key, value in found.items()), flush=True
                    )
        print_realism(changes, 1 if options.quick else N_CLASSIFIERS)
        if knows_facies:
            n = 16 if options.quick else options.sections
            scores = evaluate(network, "generated", sections=n, baselines=False).scores[NETWORK]
            lowest = min(zip(CLASSES, scores.iou, strict=True), key=lambda one: one[1])
            print(f"\n| {name} | goal | " + " | ".join(lines) + " |\n| --- " + "| --- " * (1 + len(lines)) + "|")
            for what, goal, values in goals(table, lines, scores.mean_iou, lowest):
                cells = [*values, *[""] * (len(lines) - len(values))]
                print(f"| {what} | {goal} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
