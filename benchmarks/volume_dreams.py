"""Dreams of volumes: how continuous they are from line to line, of each way to dream on lines.

    python benchmarks/volume_dreams.py [--survey FILE] [--network facies] [--layer class:salt]

The change of a dream (dream minus input) on one line is correlated with that on the next. The ways:

- alone: every inline as `seisdream dream` does, with a seed and scales of its own;
- same shifts: one seed for all inlines, but scales of their own;
- volume: as `seisdream dream --volume`, with one seed, one amplitude scale and one step scale;
- both: as with `--direction both`, the mean of the dreams on inlines and on crosslines;
- coupled X: as with `--coupling X`, with gradients averaged over neighbouring lines at each step;
- smoothed X: the change of "volume" filtered across inlines by a Gaussian of as many lines, for comparison.

Blocks of coupled lines are compared with the volume in one block: the largest difference of a line, as a share of the
RMS of the change.

A generated cube is measured, and a survey that is given.

    python benchmarks/volume_dreams.py --blocks enc2 [--network faults] [--inlines 96] [--size 48]

dreams with a network for cubes on a generated cube in three blocks along the inlines and in one, and compares both: the
difference, and the step of the change from inline to inline between blocks against that within them (1: no seam).
"""

import argparse
import itertools
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.settings import DreamSettings
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.models.registry import load_network
from seisdream.synthetic import make_earth
from seisdream.volumes.job import VolumeJob
from seisdream.volumes.run import open_job_result
from seisdream.volumes.settings import ExecutorSettings, VolumeSettings
from seisdream.volumes.volume import open_volume

COUPLINGS = (1.0, 2.0)


def neighbours(values, axis):
    """Return the mean correlation of each line of a volume with the next one."""
    lines = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    return float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in itertools.pairwise(lines)]))


def dream_alone(job, settings, *, is_seeded_alike):
    """Return the dream of every inline as it is alone."""
    lines = [job.kernel.lines.read(position) for position in range(job.volume.shape[0])]
    dreamed = []
    for position, section in enumerate(lines):
        seed = settings.seed if is_seeded_alike else position
        dreamed.append(Dream(section, job.network, settings=settings.replace(seed=seed)).run().section.values.T)
    return np.stack(dreamed)


def dream_volume(volume, network, settings, **how):
    """Return the dream of a volume job."""
    job = VolumeJob("dream", volume, network, settings, VolumeSettings(**how))
    with tempfile.TemporaryDirectory() as folder:
        job.run(folder, ExecutorSettings(executor="serial"), force=True).require_complete()
        return open_job_result(folder).dream.values


def probability(volume, dreamed, network, settings):
    """Return the mean probability of the class that was dreamed of, on all inlines."""
    job = VolumeJob("dream", volume, network, settings)
    predictor = Predictor(network, PredictionSettings(augmentations=0, device="cpu", as_is=True))
    lines = (job.kernel.lines.read(position) for position in range(volume.shape[0]))
    maps = [
        predictor(line.copy(data=values.T), job.scale.mapping).probabilities.sel({"class": settings.layer[6:]}).values
        for line, values in zip(lines, dreamed, strict=True)
    ]
    return float(np.nanmean(maps))


def measure(volume, network, settings):
    """Return correlations of neighbouring lines of the input, and of the change of each way."""
    before, whole = np.nan_to_num(volume.read()), (volume.shape[0], 1, 1)
    alone = VolumeJob("dream", volume, network, settings)
    dreams = {
        "alone": dream_alone(alone, settings, is_seeded_alike=False),
        "same shifts": dream_alone(alone, settings, is_seeded_alike=True),
        "volume": dream_volume(volume, network, settings),
        "both": dream_volume(volume, network, settings, direction="both"),
    }
    for coupling in COUPLINGS:
        dreams[f"coupled {coupling:g}"] = dream_volume(volume, network, settings, coupling=coupling, block=whole)
    for coupling in COUPLINGS:
        smoothed = gaussian_filter1d(dreams["volume"] - before, coupling, axis=0, mode="nearest")
        dreams[f"smoothed {coupling:g}"] = before + smoothed
    rms = float(np.sqrt(np.mean(before**2)))
    found = {"input": {"inlines": neighbours(before, 0), "crosslines": neighbours(before, 1)}}
    found["input"]["probability"] = probability(volume, before, network, settings)
    for name, dreamed in dreams.items():
        change = np.nan_to_num(dreamed) - before
        found[name] = {
            "inlines": neighbours(change, 0),
            "crosslines": neighbours(change, 1),
            "change, share of RMS": float(np.sqrt(np.mean(change**2))) / rms,
            "probability": probability(volume, dreamed, network, settings),
        }
    blocks = dream_volume(volume, network, settings, coupling=1.0, block=(4, 1, 1))
    one = dreams["coupled 1"]
    difference = np.sqrt(np.nanmean((blocks - one) ** 2, axis=(1, 2)))
    found["blocks of 4 coupled lines against one block"] = {
        "difference, share of the RMS of the change": float(difference.max() / np.sqrt(np.nanmean((one - before) ** 2)))
    }
    return found


def measure_blocks(volume, network, settings):
    """Return how a dream in three blocks differs from that in one block, and how large its seams are."""
    before, side = volume.read(), volume.shape[0] // 3
    whole = dream_volume(volume, network, settings, block=volume.shape) - before
    blocks = dream_volume(volume, network, settings, block=(side, *volume.shape[1:])) - before
    rms = float(np.sqrt(np.mean(whole**2)))
    found = {
        "change, share of RMS": rms / float(np.sqrt(np.mean(before**2))),
        "difference, share of the RMS of the change": float(np.sqrt(np.mean((blocks - whole) ** 2))) / rms,
        "correlation": float(np.corrcoef(blocks.ravel(), whole.ravel())[0, 1]),
    }
    for name, change in (("blocks", blocks), ("one block", whole)):
        steps = np.sqrt(np.mean(np.diff(change, axis=0) ** 2, axis=(1, 2)))
        seams = [number * side - 1 for number in (1, 2)]
        found[f"step between blocks, {name}"] = float(np.mean(steps[seams]) / np.mean(np.delete(steps, seams)))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--survey")
    parser.add_argument("--inlines", type=int, default=12)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--network", default="facies")
    parser.add_argument("--layer", default="class:salt")
    parser.add_argument("--octaves", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--parameterization", default="fourier")
    parser.add_argument("--step-size", type=float)
    parser.add_argument("--blocks", metavar="LAYER", help="measure the seams of a network for cubes at this layer")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    earth = make_earth(0, n_samples=given.size, n_traces=given.size, n_inlines=given.inlines)
    volumes = {"generated": open_volume(earth["seismic"])}
    if given.survey:
        whole = open_volume(given.survey)
        time = whole.coords[whole.dims[2]]
        volumes["survey"] = open_volume(whole.read(slice(0, given.inlines)), dt_ms=float(time[1] - time[0]))
    settings = DreamSettings(
        layer=given.layer,
        octaves=given.octaves,
        steps=given.steps,
        parameterization=given.parameterization,
        step_size=given.step_size,
        allow_undersized=True,
        device="cpu",
    )
    network, found = load_network(given.network), {"capability": torch.backends.cpu.get_cpu_capability()}
    if given.blocks:
        volume = volumes["generated"]
        found = measure_blocks(volume, network, settings.replace(layer=given.blocks, allow_undersized=False))
        print(given.blocks, volume.shape, ", ".join(f"{key} {value:.3f}" for key, value in found.items()))
        return
    for what, volume in volumes.items():
        found[what] = {"shape": volume.shape, **measure(volume, network, settings)}
        print(what, volume.shape)
        for name, numbers in list(found[what].items())[1:]:
            print(f"  {name}: " + ", ".join(f"{key} {value:.3f}" for key, value in numbers.items()))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
