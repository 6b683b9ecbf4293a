"""Compare recipes of a dream of amplitudes by what their dreams look like, as a table and as a contact sheet.

    python benchmarks/recipe_sweep.py NETWORK [--judge FOLDER] [--objectives enc4 enc5 class:salt] [--out FOLDER]

On a crop of F3 inline 362 (256 × 384), or with ``--whole`` on F3 inline 362, line 31-81 and the built-in section. For
each recipe and objective it prints what `robust_dreams.py` measures, of two seeds in float32, and draws the dreams of
the first seed into ``FOLDER/LINE.png``, a row for each recipe. A number counts only where the picture is better too.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from geology_realism import open_lines
from matplotlib.figure import Figure
from robust_dreams import CLASSES, beyond_half_nyquist, coherence, open_judge, spectra

import seisdream as sd
from seisdream.research.independent_classifiers import class_fractions
from seisdream.seismic.sections import GreyMapping

RECIPES = {
    "preset seismic": {},
    "preset 2015": {"preset": "2015", "boundary": "mirror"},
    "pixel, smooth 0.5": {"parameterization": "pixel", "smooth": 0.5, "steps": 10, "step_size": 1.5},
    "pixel, smooth 1": {"parameterization": "pixel", "smooth": 1.0, "steps": 10, "step_size": 1.5},
    "pixel, keep band": {"parameterization": "pixel", "constraints": ["band"], "steps": 10, "step_size": 1.5},
    "fourier, 10 steps of 1.5": {"parameterization": "fourier", "steps": 10, "step_size": 1.5},
    "fourier, 10 steps of 3": {"parameterization": "fourier", "steps": 10, "step_size": 3.0},
    "fourier, 6 octaves": {"parameterization": "fourier", "octaves": 6},
    "bandlimited": {"parameterization": "bandlimited", "steps": 10, "step_size": 1.5},
}


def open_crop_or_lines(shared, *, whole):
    """Return arrays ``(time, trace)`` by name."""
    lines = open_lines(shared)
    if whole:
        return {**lines, "built-in": sd.open_section("sample:built-in").values}
    return {"F3 crop": lines["F3 inline 362"][90:346, 250:634]}


def measure(line, network, objective, judge, settings):
    """Dream twice; return the numbers of one recipe and objective on one line, and the first dream."""
    section = sd.make_section(line, dt_ms=4.0)
    results = [sd.dream(section, network, objective, seed=seed, **settings).dataset for seed in (0, 1)]
    changes = [(one["dream"] - one["before"]).values for one in results]
    dream = results[0]["dream"].values
    top = np.searchsorted(np.cumsum(spectra(line)[0]), 0.99)
    vertical, lateral = spectra(changes[0])
    numbers = [
        f"{np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1]:.2f}",
        f"{np.sqrt(np.mean(changes[0] ** 2) / np.mean(line**2)):.2f}",
        f"{vertical[top:].sum():.1%}",
        f"{beyond_half_nyquist(lateral):.1%}",
        f"{coherence(dream):.2f}",
    ]
    if judge is None or not objective.startswith("class:"):
        return [*numbers, "–"], dream
    code = CLASSES.index(objective.removeprefix("class:"))
    after, before = (class_fractions(judge, sd.make_section(one, dt_ms=4.0))[code] for one in (dream, line))
    return [*numbers, f"{100 * (after - before):+.0f}"], dream


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("--judge", type=Path, default=Path("build/robust_dreams"), help="where the judge is kept")
    parser.add_argument("--objectives", nargs="+", default=["enc4", "enc5", "class:clinoforms", "class:salt"])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES), metavar="RECIPE")
    parser.add_argument("--whole", action="store_true", help="three whole lines instead of a crop")
    parser.add_argument("--out", type=Path, default=Path("build/recipe_sweep"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    shared = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    network = sd.load_network(options.network)
    has_classes = any(one.startswith("class:") for one in options.objectives)
    judge = open_judge(options.judge) if has_classes else None
    for title, line in open_crop_or_lines(shared, whole=options.whole).items():
        line = np.asarray(line, np.float32)
        print(f"\n{title}: lateral {beyond_half_nyquist(spectra(line)[1]):.2%}, change is the RMS of the line's")
        print("| Recipe | Objective | seeds | change | above band | lateral | coherence | judged | seconds |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        figure = Figure(figsize=(4.6 * len(options.objectives), 3.2 * len(options.recipes)), layout="constrained")
        panels = figure.subplots(len(options.recipes), len(options.objectives), squeeze=False)
        grey = GreyMapping.of(sd.make_section(line, dt_ms=4.0))
        for row, recipe in zip(panels, options.recipes, strict=True):
            for axes, objective in zip(row, options.objectives, strict=True):
                settings = {"precision": "float32", "allow_undersized": True, **RECIPES[recipe]}
                began = time.perf_counter()
                numbers, dream = measure(line, network, objective, judge, settings)
                seconds = f"{(time.perf_counter() - began) / 2:.0f}"
                print("| " + " | ".join([recipe, objective, *numbers, seconds]) + " |", flush=True)
                axes.imshow(grey.to_grey(dream), cmap="gray", vmin=0, vmax=255, aspect="auto")
                axes.set_title(f"{recipe}: {objective}", fontsize=8)
                axes.set_axis_off()
        figure.savefig(options.out / f"{title.replace(' ', '-')}.png", dpi=90)


if __name__ == "__main__":
    main()
