"""Draw objectives on a window of F3 inline 362: docs/pictures/objectives-f3.png.

    python docs/draw_objectives.py [SHARED]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
beside the project. The direction is that of a linear probe of enc5, fitted on the textures labelled on the
whole line (benchmarks/f3_inline362_textures.json): steep dips from the other seven.
"""

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np
from draw_pictures import save
from matplotlib.figure import Figure

import seisdream as sd
from seisdream.evaluation.layer_features import LayerReader
from seisdream.evaluation.probe import fit_probe
from seisdream.seismic.sections import GreyMapping

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from textures import scribbled

SHARED = Path(__file__).parents[2] / "shared"
NETWORK = "facies-robust"
SETTINGS = {"octaves": 2, "allow_undersized": True, "precision": "float32"}
MIDDLE = (64, 96)


def towards_steep_dips(line, network):
    """Return the direction in which a probe of enc5 finds steep dips."""
    classes, codes = scribbled(line.shape)
    probe = fit_probe([(line, codes)], LayerReader(network, ("enc5",)), len(classes), n_per_class=2000)
    return sd.objectives.Direction("enc5", vector=probe.directions("enc5", classes)["steep dips"], power=2.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    line = sd.open_section(parser.parse_args().shared / "data" / "f3_inline362.npz")
    window, layered = line[180:308, 300:492], line[20:148, 300:492]
    mapping, network = GreyMapping.of(line), sd.load_network(NETWORK)
    noise = window.copy(data=np.random.default_rng(0).normal(0, float(window.std()), window.shape).astype(np.float32))
    middle = window.copy(data=np.zeros(window.shape, np.float32))
    middle[32:96, 48:144] = 1.0
    panels = {"F3 inline 362, a window": window.values}
    for words, section, given in (
        ("enc4", window, {}),
        ("caricature:enc4", window, {}),
        (f"enc4:5@{MIDDLE[0]},{MIDDLE[1]}", window, {"jitter": 8}),
        ("class:chaotic --objective-mask (middle)", window, {"objective_mask": middle}),
        ("probability:chaotic", window, {}),
        ("style:enc2 --guide (shallow layers)", window, {"guide": layered}),
        ("inversion:enc2 from noise", noise, {"guide": window, "jitter": 0}),
        (f"class:chaotic - {NETWORK}@random::class:chaotic", window, {}),
    ):
        regions = {name: given.pop(name) for name in ("guide", "objective_mask") if name in given}
        layer = words.partition(" --")[0].partition(" from")[0]
        result = sd.dream(section, network, layer, **SETTINGS, **given, **regions)
        panels[words] = result.dream.values
        print(f"{words}: {result.scores[0]['score']:.3f} to {result.scores[-1]['score']:.3f}", flush=True)
    steep = sd.dream(window, network, towards_steep_dips(line, network), **SETTINGS)
    panels["direction:enc5@probe.npz#steep dips^2"] = steep.dream.values
    objective = "class:chaotic + 20*diversity:enc4"
    for number, variant in enumerate(sd.dream(window, network, objective, variants=2, **SETTINGS).variants, start=1):
        panels[f"{objective}, {number} of 2"] = variant.dream.values
    figure = Figure(figsize=(9.6, 9.4), dpi=100, layout="constrained")
    for axes, (title, values) in zip(figure.subplots(4, 3).flat, panels.items(), strict=True):
        axes.imshow(mapping.to_grey(values), cmap="gray", vmin=0, vmax=255, aspect="auto")
        axes.set_title(title, loc="left", fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    with matplotlib.rc_context({"font.family": "sans-serif"}):
        save(figure, "objectives-f3", dpi=80)


if __name__ == "__main__":
    main()
