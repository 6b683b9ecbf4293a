"""Compare recipes of a dream of amplitudes by what their dreams look like, as a table and as contact sheets.

    python benchmarks/recipe_sweep.py NETWORK [--judge FOLDER] [--objectives enc4 class:salt] [--out FOLDER]

Each recipe is the preset `seismic` with one change, on windows (256 × 384) of F3 inline 362, line 31-81 and the
built-in section, or with ``--whole`` on the whole lines. For each line, recipe and objective it prints what
`robust_dreams.py` measures, of two seeds in float32, and draws the dreams of the first seed into ``FOLDER/LINE.png``, a
row for each recipe. At the end it prints the means over lines and objectives. It keeps the dreams in FOLDER, so an
interrupted run goes on where it stopped. A number counts only where the picture is better too.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from geology_realism import open_lines
from matplotlib.figure import Figure
from robust_dreams import CLASSES, beyond_half_nyquist, coherence, open_judge, spectra

import seisdream as sd
from seisdream.dreaming.variation import MILD, parse_variation
from seisdream.research.independent_classifiers import class_fractions
from seisdream.seismic.sections import GreyMapping

RECIPES = {
    "preset seismic": {},
    "pixel": {"parameterization": "pixel"},
    "pixel, band kept": {"parameterization": "pixel", "constraints": ["band"]},
    "bandlimited": {"parameterization": "bandlimited"},
    "preset 2015": {"preset": "2015"},
    "smooth 0.5": {"smooth": 0.5},
    "smooth 1": {"smooth": 1.0},
    "10 steps of 1": {"steps": 10},
    "10 steps of 2": {"steps": 10, "step_size": 2.0},
    "20 steps of 0.5": {"step_size": 0.5},
    "20 steps of 2": {"step_size": 2.0},
    "40 steps of 0.5": {"steps": 40, "step_size": 0.5},
    "1 octave": {"octaves": 1},
    "2 octaves": {"octaves": 2},
    "6 octaves": {"octaves": 6},
    "edges wrapped": {"boundary": "wrap"},
    "no jitter": {"jitter": 0},
    "transforms mild": {"transforms": parse_variation(MILD)},
}
"""Changes from the preset `seismic`."""
WINDOWS = {
    "F3 inline 362": (slice(90, 346), slice(250, 634)),
    "line 31-81": (slice(200, 456), slice(100, 484)),
    "built-in": (slice(90, 346), slice(200, 584)),
}
COLUMNS = ("seeds", "change", "above band", "lateral", "coherence", "judged")


def open_inputs(shared, *, whole):
    """Return arrays ``(time, trace)`` by name."""
    lines = {**open_lines(shared), "built-in": sd.open_section("sample:built-in").values}
    return {
        name: np.ascontiguousarray(line if whole else line[WINDOWS[name]], np.float32) for name, line in lines.items()
    }


def dream_twice(line, network, objective, settings, file):
    """Return the dreams of two seeds ``(seed, time, trace)``, from a file if it holds them."""
    if not file.is_file():
        section = sd.make_section(line, dt_ms=4.0)
        settings = {"precision": "float32", "allow_undersized": True, **settings}
        np.save(file, [sd.dream(section, network, objective, seed=seed, **settings).dream.values for seed in (0, 1)])
    return np.load(file)


def measure(line, dreams, objective, judge):
    """Return the columns of the dreams of two seeds on one line; without a class, the last is missing."""
    changes = dreams - line
    top = np.searchsorted(np.cumsum(spectra(line)[0]), 0.99)
    vertical, lateral = spectra(changes[0])
    judged = np.nan
    if objective.startswith("class:"):
        code = CLASSES.index(objective.removeprefix("class:"))
        after, before = (class_fractions(judge, sd.make_section(one, dt_ms=4.0))[code] for one in (dreams[0], line))
        judged = 100.0 * (after - before)
    return [
        np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1],
        np.sqrt(np.mean(changes[0] ** 2) / np.mean(line**2)),
        vertical[top:].sum(),
        beyond_half_nyquist(lateral),
        coherence(dreams[0]),
        judged,
    ]


def print_row(titles, numbers):
    """Print the columns of one row."""
    formats = ("{:.2f}", "{:.2f}", "{:.1%}", "{:.1%}", "{:.2f}", "{:+.0f}")
    cells = [one.format(value) if np.isfinite(value) else "–" for one, value in zip(formats, numbers, strict=True)]
    print("| " + " | ".join([*titles, *cells]) + " |", flush=True)


def print_head(titles):
    """Print the head of a table."""
    print("\n| " + " | ".join([*titles, *COLUMNS]) + " |\n" + "| --- " * (len(titles) + len(COLUMNS)) + "|")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("--judge", type=Path, default=Path("build/robust_dreams"), help="where the judge is kept")
    parser.add_argument("--objectives", nargs="+", default=["enc4", "class:clinoforms", "class:salt"])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES), metavar="RECIPE")
    parser.add_argument("--lines", nargs="+", default=list(WINDOWS), choices=list(WINDOWS), metavar="LINE")
    parser.add_argument("--whole", action="store_true", help="whole lines instead of windows")
    parser.add_argument("--out", type=Path, default=Path("build/recipe_sweep"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    shared = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    network, judge = sd.load_network(options.network), open_judge(options.judge)
    found = {recipe: [] for recipe in options.recipes}
    for title, line in open_inputs(shared, whole=options.whole).items():
        if title not in options.lines:
            continue
        print(f"\n{title}: lateral {beyond_half_nyquist(spectra(line)[1]):.2%}, coherence {coherence(line):.2f}")
        print_head(("Recipe", "Objective"))
        figure = Figure(figsize=(4.6 * len(options.objectives), 3.2 * len(options.recipes)), layout="constrained")
        panels = figure.subplots(len(options.recipes), len(options.objectives), squeeze=False)
        grey = GreyMapping.of(sd.make_section(line, dt_ms=4.0))
        for row, recipe in zip(panels, options.recipes, strict=True):
            for axes, objective in zip(row, options.objectives, strict=True):
                file = options.out / f"{title}-{recipe}-{objective.replace(':', '-')}.npy".replace(" ", "-")
                dreams = dream_twice(line, network, objective, RECIPES[recipe], file)
                found[recipe].append(measure(line, dreams, objective, judge))
                print_row((recipe, objective), found[recipe][-1])
                axes.imshow(grey.to_grey(dreams[0]), cmap="gray", vmin=0, vmax=255, aspect="auto")
                axes.set_title(f"{recipe}: {objective}", fontsize=8)
                axes.set_axis_off()
        figure.savefig(options.out / f"{title.replace(' ', '-')}.png", dpi=90)
    print_head(("Mean of all",))
    for recipe, rows in found.items():
        print_row((recipe,), np.nanmean(rows, axis=0))


if __name__ == "__main__":
    main()
