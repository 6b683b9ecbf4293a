"""What version 0.1 computed, case by case: settings in ``golden/cases.json``, arrays in ``golden/v01.npz``.

The arrays were written with version 0.1 and are not written again, except those of `f3-intervals`: its weights were
replaced, and its arrays were written by a program that agreed with version 0.1 on the former weights. Run as a script
to compare other cases:

    python tests/golden_cases.py CASES.json ARRAYS.npz [--record] [--whole]

The settings have the names of version 0.1. Cases are short, so that rounding is not amplified: results of CPUs with and
without vector instructions agree within the tolerance, but for cases with a tolerance of their own ``elsewhere``. One
function for each kind of case turns its settings into a call of today.
"""

import argparse
import json
import math
import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from seisdream.attribution.attribute import attribute as attribute_section
from seisdream.dreaming.batch import dream_batch
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.terms import Channel
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.variation import parse_variation
from seisdream.inference.predict import predict as predict_section
from seisdream.io.inputs import open_section
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
from seisdream.models.zoo.unet import UNet
from seisdream.seismic.cubes import make_cube
from seisdream.significance.permutation import controls as run_controls

FOLDER = Path(__file__).parent / "golden"
SHARED = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
TOLERANCE = 1e-5
RECORDED_WITH = "AVX512"
_N_STORED = 800


def load_cases(path=FOLDER / "cases.json"):
    """Return the cases by name, each with the settings that all have in common."""
    file = json.loads(Path(path).read_text())
    base, cases = file["base"], {}
    for name, case in file["cases"].items():
        cases[name] = {**base, **case}
        if case["kind"] in ("dream", "variants", "many"):
            cases[name]["settings"] = base["settings"] | case["settings"]
    return cases


def compute(case, folder):
    """Return the arrays of a case by name, and the root-mean-square amplitude of its input."""
    return {
        "dream": dream,
        "variants": variants,
        "many": many,
        "cube": cube,
        "predict": predict,
        "attribute": attribute,
        "controls": controls,
    }[case["kind"]](case, folder)


def dream(case, folder):
    section, network, settings = _section(case), _network(case), dict(case["settings"])
    if "DIRECTION" in (settings.get("layer") or ""):
        path = Path(folder) / "direction.npy"
        np.save(path, np.sin(np.arange(64, dtype=np.float32))[: network.layer("enc3").n_channels])
        settings["layer"] = settings["layer"].replace("DIRECTION", str(path))
    given = {_RENAMED.get(name, name): _box(section, case[name]) for name in ("mask", "where") if name in case}
    given |= {
        _RENAMED.get(name, name): _section({**case, "crop": case[name], "absent": None})
        for name in ("guide", "survey")
        if name in case
    }
    run = Dream(section, network, settings=_settings(settings), **given)
    scores = [state.score for state in run.states()]
    arrays = {name: one.values for name, one in run.result().dataset.items() if not name.endswith("before")}
    return {**arrays, "scores": np.array(scores)}, _rms(section)


def variants(case, folder):
    section, settings = _section(case), _settings(case["settings"])
    run = Dream(section, _network(case), settings=settings, variants=case["n_dreams"]).run()
    return {"dream": np.stack([run.dreamed(number) for number in range(run.n_dreams)])}, _rms(section)


def many(case, folder):
    section, settings, channels = _section(case), _settings(case["settings"]), case["channels"]
    objectives = [Channel(settings.layer, channel) for channel in channels]
    dreamed = dream_batch([section] * len(channels), _network(case), objectives, settings=settings.replace(layer=None),
                          seeds=case["seeds"])  # fmt: skip
    return {"dream": dreamed}, _rms(section)


def cube(case, folder):
    with np.load(FOLDER / "cube.npz") as file:
        section = make_cube(np.moveaxis(file["seismic"], -1, 0) * np.float32(2500.0), dt_ms=4.0)
    mask = None
    if "mask" in case:
        mask = np.zeros(section.shape, np.float32)
        mask[tuple(slice(*ends) for ends in case["mask"])] = 1.0
    settings = _settings(case["settings"] | {"octaves": 2, "precision": "float32", "device": "cpu"})
    dataset = Dream(section, _network_for_cubes(), settings=settings, mask=mask).run().result().dataset
    return {name: one.values for name, one in dataset.items() if not name.endswith("before")}, _rms(section)


_RENAMED = {"where": "objective_mask", "keep": "constraints", "robust": "transforms", "edges": "boundary",
            "survey": "reference_section", "allow_small": "allow_undersized"}  # fmt: skip


def _settings(settings):
    """Return settings of version 0.1 as those of today."""
    typed = {
        "keep": lambda words: tuple(words.split(",")),
        "robust": parse_variation,
        "band": lambda words: tuple(map(float, words.split("-"))),
        "bounds": lambda words: tuple(map(float, words.split("-"))),
    }
    changed = {name: typed[name](value) if name in typed and value else value for name, value in settings.items()}
    named = {_RENAMED.get(name, name): value for name, value in changed.items()}
    return DreamSettings(**{"preset": "2015", "boundary": "mirror", "zoom": 0.0} | named)


def predict(case, folder):
    section, settings = _section(case), dict(case["settings"])
    if "scale" in settings:
        settings["scale"] = tuple(settings["scale"])
    predicted = predict_section(section, _network(case), device="cpu", precision="float32", **settings)
    return {name: one.values for name, one in predicted.items()}, 1.0


def attribute(case, folder):
    section, settings = _section(case), dict(case["settings"])
    for name in ("patch", "stride"):
        if name in settings:
            settings[name] = tuple(settings[name])
    region = _box(section, case["region"])
    attributed = attribute_section(
        section, _network(case), case["target"], target_mask=region, device="cpu", **settings
    )
    return {"attribution": attributed.values}, _rms(section)


def controls(case, folder):
    section = _section(case)
    found = run_controls(section, _network(case), device="cpu", **case["settings"])
    return {name: one.values for name, one in found.dataset.items()}, _rms(section)


def _section(case):
    section = open_section(case["input"].replace("SHARED", str(SHARED)))
    if case["crop"]:
        section = section[slice(*case["crop"]["rows"]), slice(*case["crop"]["columns"])]
    if case.get("absent"):
        section = section.where(_box(section, case["absent"]) == 0)
    return section


def _box(section, box):
    region = section * 0.0
    region[slice(*box["rows"]), slice(*box["columns"])] = 1.0
    return region


def _network(case):
    return load_network(case["network"], weights=SHARED / "weights" / case["needs"] if "needs" in case else None)


def _network_for_cubes():
    module = UNet(4, (6, 8, 8), n_dims=3, normalisation="none").eval()
    random = np.random.default_rng(0)
    with torch.no_grad():
        for _, values in sorted(module.named_parameters()):
            wide = 1.0 / math.sqrt(max(1, values[0].numel()))
            values.copy_(torch.from_numpy(random.uniform(-wide, wide, tuple(values.shape))))
    return Network("cubes", module, Preprocessing("grey", scale=1 / 127.5, mean=(1.0,)),
                   classes=("a", "b", "salt", "c"), class_layer="logits", default_layer="enc3")  # fmt: skip


def _rms(section):
    return float(np.sqrt(np.nanmean(np.square(section.values.astype(np.float64)))))


def tolerance(case):
    """Return how far a case may differ on this machine."""
    is_elsewhere = torch.backends.cpu.get_cpu_capability() != RECORDED_WITH
    return case.get("elsewhere", TOLERANCE) if is_elsewhere else TOLERANCE


def thin(values):
    """Return some eight hundred values from all over an array."""
    values = np.asarray(values)
    stride = -(-values.size // _N_STORED)
    while values.ndim and math.gcd(stride, values.shape[-1]) > 1:
        stride += 1
    return values.ravel()[::stride]


def stored(values):
    """Return an array as it is stored: float32, or the integers of classes."""
    values = np.asarray(values)
    return values if values.dtype == np.uint8 else values.astype(np.float32)


def difference(name, values, expected, rms):
    """Return the largest difference, as a share of what it is measured by.

    That is the input's root-mean-square for dreams, 1 for probabilities and what follows from them, and the
    root-mean-square of the array itself for all else.
    """
    values, expected = np.asarray(values, np.float64), np.asarray(expected, np.float64)
    if values.shape != expected.shape or not np.array_equal(np.isnan(values), np.isnan(expected)):
        return math.inf
    if name in ("dream", "classes", "probabilities", "entropy", "uncertainty"):
        scale = rms if name == "dream" and values.ndim else 1.0
    else:
        scale = max(float(np.sqrt(np.nanmean(np.square(expected)))), 1e-30)
    return float(np.nanmax(np.abs(values - expected), initial=0.0)) / scale


def main():
    """Record or compare the arrays of a file of cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("arrays", type=Path)
    parser.add_argument("--record", action="store_true", help="write the arrays instead of comparing them")
    parser.add_argument("--whole", action="store_true", help="whole arrays, not some eight hundred values of each")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    shorten = np.asarray if options.whole else thin
    recorded = {} if options.record else dict(np.load(options.arrays))
    found = {}
    for name, case in load_cases(options.cases).items():
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            arrays, rms = compute(case, folder)
        line = f"{name:<50} {time.perf_counter() - began:6.2f} s"
        for key, values in arrays.items():
            found[f"{name}/{key}"] = one = stored(shorten(values))
            if not options.record:
                line += f"  {key} {difference(key, one, recorded[f'{name}/{key}'], rms):.1e}"
        print(line, flush=True)
    if options.record:
        np.savez_compressed(options.arrays, **found)


if __name__ == "__main__":
    main()
