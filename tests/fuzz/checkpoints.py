"""Folders of training runs and of atlases that were interrupted, and are resumed."""

import json
from contextlib import suppress
from functools import partial
from unittest.mock import patch

import numpy as np

from fuzz.mutations import as_json, mutate_bytes, mutate_json
from seisdream.atlas.build import build_atlas
from seisdream.channels.tuning import PlaneWaves
from seisdream.seismic.sections import make_section
from seisdream.training.loop import Training
from seisdream.training.run_files import enter_folder
from seisdream.training.settings import TrainingSettings
from small_datasets import Stripes

_SETTINGS = TrainingSettings(
    widths=(2, 2), steps=2, batch_size=1, validate_every=1, precision="float32", device="cpu", workers=0
)
_VALUES = {"data": "stripes"} | _SETTINGS.run_values()


class _Stop(Exception):
    """Ends an atlas where its dreams would begin."""


def seeds(folder):
    _resume_run(folder / "run", n_steps=1)
    (folder / "atlas").mkdir()
    _resume_atlas(folder / "atlas" / "gabor.atlas")


def mutate(files, random, others):
    names = [name for name in files if name.endswith((".json", ".pt", ".npz"))]
    name = random.choice(names)
    if name.endswith(".json") and random.random() < 0.8:
        files[name] = as_json(mutate_json(json.loads(files[name]), random), random)
    else:
        alike = [one[name] for one in others if name in one]
        files[name] = mutate_bytes(files[name], random, alike, random.choice((None, (0, 300))))
    return files


def use(folder):
    if (folder / "gabor.atlas").exists():
        _resume_atlas(folder / "gabor.atlas")
    else:
        _resume_run(folder, n_steps=0)


def _resume_run(folder, n_steps):
    enter_folder(folder, _VALUES)
    states = Training(_SETTINGS, Stripes(size=(8, 8)), Stripes(1, size=(8, 8)), 1, folder).states()
    for _ in range(n_steps):
        next(states)


def _resume_atlas(folder):
    def stop(step, _done, _total):
        if step == "dreams":
            raise _Stop

    section = make_section(np.random.default_rng(0).normal(size=(40, 36)).astype(np.float32))
    few_waves = patch.object(PlaneWaves, "default", partial(PlaneWaves.default, 16))
    with suppress(_Stop), few_waves:
        build_atlas("gabor", section, folder, layers=("stage1/rectified",), size=32, patches=2, progress=stop)
