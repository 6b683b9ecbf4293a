"""Small volumes, small networks and workers that fail, for the tests of volume jobs."""

from pathlib import Path

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.settings import DreamSettings
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.registry import load_network
from seisdream.models.zoo.unet import UNet
from seisdream.significance.settings import ControlSettings
from seisdream.volumes.job import VolumeJob
from seisdream.volumes.settings import VolumeAttributionSettings, VolumeSettings
from seisdream.volumes.volume import open_volume

SHAPE = (7, 24, 32)


def make_volume(shape=SHAPE, seed=0):
    """Return smooth noise ``(inline, crossline, time)``, with an inline and some traces that are absent."""
    values = np.cumsum(np.random.default_rng(seed).normal(size=shape), axis=2).astype(np.float32)
    values -= values.mean(axis=2, keepdims=True)
    values[2] = np.nan
    values[4, :5] = np.nan
    coords = {
        "inline": 100 + np.arange(shape[0]),
        "crossline": 7 + np.arange(shape[1]),
        "time": 4.0 * np.arange(shape[2]),
    }
    return xr.DataArray(values, coords, ("inline", "crossline", "time"), name="amplitude")


def write_volume(folder, **options):
    """Write such a volume as a Zarr store."""
    path = Path(folder) / "survey.zarr"
    make_volume(**options).to_dataset().to_zarr(path, consolidated=False)
    return path


def write_network(folder, n_dims=2):
    """Write a network with random weights whose classes differ from place to place."""
    path = Path(folder) / f"network{n_dims}.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = UNet(3, (4, 4), n_dims=n_dims)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(3.0)
    write_trained(module, ModelMetadata("unet", {}, ("a", "b", "salt"), ("#000000", "#808080", "#ffffff")), path)
    return path


def _make_job(command, folder, settings, how, n_dims=2, volume=None):
    """Return the job of a command on such a volume; the files are written where they are missing."""
    folder = Path(folder)
    survey, network = folder / "survey.zarr", folder / f"network{n_dims}.safetensors"
    if volume is None:
        volume = survey if survey.exists() else write_volume(folder)
    network = network if network.exists() else write_network(folder, n_dims)
    return VolumeJob(command, open_volume(volume), load_network(str(network)), settings, VolumeSettings(**how))


def make_job(folder, *, n_dims=2, settings=None, **how):
    """Return the job of a prediction."""
    how = {"number_format": "float32", **({"block": (2, 1, 1)} if n_dims == 2 else {}), **how}
    settings = settings or PredictionSettings(augmentations=0, device="cpu")
    return _make_job("predict", folder, settings, how, n_dims)


def make_dream_job(folder, *, n_dims=2, volume=None, how=None, **settings):
    """Return the job of a short dream."""
    settings = {"layer": "class:salt", "octaves": 1, "steps": 2, "jitter": 2, "device": "cpu", **settings}
    how = {**({"block": (2, 1, 1)} if n_dims == 2 else {}), **(how or {})}
    return _make_job("dream", folder, DreamSettings(**settings), how, n_dims, volume)


def make_attribution_job(folder, *, n_dims=2, volume=None, how=None, **settings):
    """Return the job of a short attribution."""
    settings = {"steps": 2, "device": "cpu", **settings}
    return _make_job("attribute", folder, VolumeAttributionSettings(**settings), how or {}, n_dims, volume)


def make_controls_job(folder, *, n_dims=2, volume=None, how=None, **settings):
    """Return the job of controls with few surrogates."""
    quick = {"surrogates": 4, "others": False, "block": 8, "seeds": 2, "octaves": 1, "steps": 1, "device": "cpu"}
    return _make_job("controls", folder, ControlSettings(**{**quick, **settings}), how or {}, n_dims, volume)
