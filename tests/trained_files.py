"""Files of untrained networks that map classes, in the format of trained ones."""

import torch

from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.zoo.unet import UNet

CLASSES = ("beds", "wavy beds", "salt", "channel fill")
COLOURS = ("#d9a441", "#9fc78b", "#e38fb1", "#2e4a7d")


def make_unet(n_classes=4, widths=(8, 8, 8), seed=0, sharpness=8.0):
    """Return a U-Net whose random logits tell classes apart, so that a difference in them shows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = UNet(n_classes, widths, normalisation="none").eval()
        for part in module.modules():
            if isinstance(part, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        with torch.no_grad():
            module.logits.weight *= sharpness
    return module


def write_unet(path, classes=CLASSES, colours=COLOURS, title="untrained", survey="", **settings):
    """Write such a network as `--network FILE.safetensors` takes it, and return the path."""
    metadata = ModelMetadata(
        "unet", {}, tuple(classes), tuple(colours), title, credit="tests", licence="CC0-1.0", survey=survey
    )
    write_trained(make_unet(len(classes), **settings), metadata, path)
    return path
