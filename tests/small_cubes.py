"""A small SEG-Y volume and a small network for cubes, as files."""

import numpy as np
import torch

from segy_files import make_segy, numbered
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.settings import DreamSettings
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.zoo.unet import UNet


def write_volume(path, size=(32, 14, 16), n_dead=0):
    """Write a volume of ``(time, inline, crossline)`` smoothed noise, whose first traces are dead."""
    rng = np.random.default_rng(0)
    traces = np.cumsum(rng.normal(size=(size[1] * size[2], size[0])), axis=1).astype(np.float32)
    traces[:n_dead] = 0.0
    return make_segy(path, traces, words=numbered(range(100, 100 + size[1]), range(7, 7 + size[2])))


def write_cube_network(path, widths=(4, 4)):
    """Write an untrained 3-D network with two classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = UNet(2, widths, n_dims=3)
    write_trained(module, ModelMetadata("unet", {}, ("a", "salt"), ("#000000", "#ffffff"), default_layer="enc2"), path)
    return path


def open_cube_dream(folder, *, n_dead=0, **settings):
    """Return a dream on such a volume, opened from its settings."""
    own = {"octaves": 1, "steps": 2, "precision": "float32", "device": "cpu", **settings}
    volume, network = (
        write_volume(folder / "volume.sgy", n_dead=n_dead),
        write_cube_network(folder / "cubes.safetensors"),
    )
    return Dream.from_settings(DreamSettings(input=str(volume), network=str(network), **own))
