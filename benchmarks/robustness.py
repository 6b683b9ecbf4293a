"""Measure what `--transforms` does to dreams: their scores before and after small changes, and their mean frequency.

    python benchmarks/robustness.py [SHARED]

SHARED is the folder that holds data/f3_inline362.npz (F3: TNO and dGB Earth Sciences, CC BY-SA), by default ../shared
next to the project. Dreams of `facies` on a window of the inline and on noise, all with the same seeds; each finished
dream is scored unchanged, and as the mean over 16 new draws of all transforms at once. Takes about five minutes.
"""

import argparse
from pathlib import Path

import numpy as np

import seisdream
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.evaluator import ObjectiveEvaluator
from seisdream.dreaming.objectives.binding import group_by_network
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import bind_objective
from seisdream.dreaming.transforms import Jitter, Transform, sample_transform
from seisdream.dreaming.variation import parse_variation
from seisdream.inference.tensors import to_image_tensor
from seisdream.models.prepared import PreparedNetwork

SHARED = Path(__file__).parents[2] / "shared"
EVERY_CHANGE = parse_variation("shear=0.05,stretch=0.1,gain=0.3,band=3")
TRIED = (None, "shear=0.02", "stretch=0.05", "gain=0.2", "band=3", "mild", "mild,band=3")
STILL = Jitter((0, 0), "mirror")


def score(network, objective, picture):
    """Return the score of a picture as it is, and the mean over changes of it."""
    terms = bind_objective(parse(objective), network)
    bound = group_by_network(terms, network, {})
    evaluate = ObjectiveEvaluator(bound, [PreparedNetwork(network)], (None,), 0, None, picture)
    random = np.random.default_rng(1)
    changed = [evaluate(picture, sample_transform(random, 2, 0, "mirror", EVERY_CHANGE))[0] for _ in range(16)]
    return evaluate(picture, Transform(STILL))[0], float(np.mean(changed))


def mean_frequency(change):
    """Return the mean frequency down the section of a change, in cycles a sample, weighted by energy."""
    energy = np.square(np.abs(np.fft.rfft(change, axis=0))).sum(1)
    return float((np.fft.rfftfreq(len(change)) * energy).sum() / energy.sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    line = seisdream.open_section(parser.parse_args().shared / "data" / "f3_inline362.npz")
    network = seisdream.load_network("facies")
    inputs = {"F3": line[100:356, 200:584], "noise": seisdream.open_section("noise:256x384", seed=0)}
    print("objective   from   --transforms                 as it is   changed   cycles a sample")
    for objective in ("class:salt", "enc5"):
        for name, section in inputs.items():
            for robust in TRIED:
                amounts = parse_variation(robust) if robust else None
                settings = seisdream.DreamSettings(
                    preset="2015",
                    boundary="mirror",
                    layer=objective,
                    transforms=amounts,
                    octaves=3,
                    allow_undersized=True,
                    precision="float32",
                )
                dream = Dream(section, network, settings=settings)
                dream.run()
                still, changed = score(network, objective, to_image_tensor(dream.image()))
                frequency = mean_frequency((dream.section - section).values)
                print(f"{objective:12}{name:7}{robust!s:28}{still:9.3f} {changed:9.3f}   {frequency:9.4f}", flush=True)


if __name__ == "__main__":
    main()
