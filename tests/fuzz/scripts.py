"""Networks as files: TorchScript, and ONNX where onnx2torch is installed."""

import importlib.util
import warnings

import torch
from torch import nn

from fuzz.mutations import mutate_bytes
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network


def seeds(folder):
    module = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 1)).eval()
    image = torch.zeros(1, 1, 16, 16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripts = {"traced.pt": torch.jit.trace(module, image), "scripted.ts": torch.jit.script(module)}
    for name, script in scripts.items():
        (folder / name).mkdir()
        torch.jit.save(script, folder / name / name)
    # The first error of PyTorch's reader takes memory for good.
    (folder / "damaged.pt").mkdir()
    content = bytearray((folder / "traced.pt" / "traced.pt").read_bytes())
    at = content.index(b"code/__torch__")
    content[at + 60 : at + 80] = bytes(20)
    (folder / "damaged.pt" / "damaged.pt").write_bytes(content)
    if importlib.util.find_spec("onnx2torch"):
        (folder / "graph.onnx").mkdir()
        torch.onnx.export(module, (image,), folder / "graph.onnx" / "graph.onnx", dynamo=False)


def mutate(files, random, others):
    ((name, data),) = files.items()
    return {name: mutate_bytes(data, random, span=random.choice((None, (0, 2000))))}


def use(folder):
    network = load_network(str(next(folder.iterdir())), preprocessing=Preprocessing("grey"))
    str(network.layers)
