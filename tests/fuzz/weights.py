"""Weights and trained networks: safetensors with metadata, state dicts of PyTorch, Caffe models."""

import json
from functools import cache

import numpy as np
import torch

import caffe_files
from fuzz.mutations import as_json, mutate_bytes, mutate_json
from seisdream.models.registry import load_network
from seisdream.models.weights import load_weights, read_weights
from trained_files import make_unet, write_unet

_KEY = "seisdream"


def seeds(folder):
    for name in ("unet", "small.pt", "wrapped.pth", "old.pt", "tensors", "caffe"):
        (folder / name).mkdir()
    write_unet(folder / "unet" / "network.safetensors", widths=(2, 2))
    state = _module().state_dict()
    torch.save(state, folder / "small.pt" / "weights.pt")
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3},
               folder / "wrapped.pth" / "weights.pth")  # fmt: skip
    torch.save(state, folder / "old.pt" / "weights.pt", _use_new_zipfile_serialization=False)
    odd = {"sparse": torch.eye(3).to_sparse(), "meta": torch.empty(2**30, device="meta"), **state}
    torch.save(odd, folder / "tensors" / "weights.pt")
    blobs = [caffe_files.blob(np.ones((2, 1, 3, 3)), is_legacy=False), caffe_files.blob(np.ones(2), is_legacy=False)]
    old = [caffe_files.blob(np.ones((2, 1, 3, 3)), is_legacy=True, is_packed=False)]
    (folder / "caffe" / "net.caffemodel").write_bytes(
        caffe_files.net([caffe_files.new_layer("conv1", blobs), caffe_files.old_layer("conv2", old)])
    )


@cache
def _module():
    return make_unet(widths=(2, 2))


def mutate(files, random, others):
    ((name, data),) = files.items()
    if not name.endswith(".safetensors") or random.random() < 0.2:
        return {name: mutate_bytes(data, random, [], random.choice((None, (0, 200))))}
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    if random.random() < 0.8:
        metadata = json.loads(header["__metadata__"][_KEY])
        text = as_json(mutate_json(metadata, random), random).decode("utf-8", "surrogateescape")
        header["__metadata__"][_KEY] = text
    else:
        header = mutate_json(header, random)
    text = json.dumps(header).encode()
    return {name: len(text).to_bytes(8, "little") + text + body}


def use(folder):
    path = next(folder.iterdir())
    if path.suffix == ".safetensors":
        network = load_network(str(path))
        str(network.layers)
        load_network(f"{path}@random:1")
    else:
        read_weights(path)
        load_weights(make_unet(widths=(2, 2)), path, "unet")
