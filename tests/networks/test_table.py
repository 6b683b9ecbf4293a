"""The table "Your network is one of these": each command runs, on its network with random weights or on a stand-in."""

import importlib
import re
import shlex
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from network_packages import package
from segy_files import make_segy, numbered
from seisdream.cli.main import main

torch.set_num_threads(1)
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "your-network.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Your network is one of these")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| ([^|]+) \| `seisdream ([^`]+)` \|$", SECTION, re.MULTILINE))
FACTORIES = re.search(r"```py\n(.*?)```", SECTION, re.DOTALL)[1]
PACKAGES = {
    "smp_unet": "segmentation_models_pytorch",
    "cig": "cig_bench.networks",
    "sfm": "timm",
    "timm:resnet18": "timm",
    "segformer": "transformers",
    "net.onnx": "onnx2torch",
}


class Unpooling(nn.Module):
    """As the deconvnet of the benchmark: pools that round up keep their indices, and the way up uses them."""

    def __init__(self, n_classes):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(2, stride=2, return_indices=True, ceil_mode=True)
        self.deep = nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 4, 3))
        self.unpool = nn.MaxUnpool2d(2, stride=2)
        self.score = nn.Conv2d(4, n_classes, 1)

    def forward(self, values):
        values = self.conv(values)
        pooled, indices = self.pool(values)
        return self.score(self.unpool(self.deep(pooled), indices, output_size=values.size()))


class FaultUNet(nn.Module):
    """Faults by a sigmoid at the end, in two or three dimensions."""

    def __init__(self, n_dims=2):
        super().__init__()
        convolution = nn.Conv2d if n_dims == 2 else nn.Conv3d
        self.inside = nn.Sequential(convolution(1, 4, 3, padding=1), nn.ReLU(), convolution(4, 1, 1))

    def forward(self, values):
        return torch.sigmoid(self.inside(values))


def write_volume(path, size):
    """Write a SEG-Y volume of noise, ``(inline, crossline, time)``."""
    traces = np.random.default_rng(0).standard_normal((size[0] * size[1], size[2])).astype(np.float32)
    make_segy(path, traces, words=numbered(range(1, size[0] + 1), range(1, size[1] + 1)))


def stand_ins():
    """Return the modules of other people's repositories that the factories import."""
    return {
        "core": types.ModuleType("core"),
        "core.models": types.ModuleType("core.models"),
        "core.models.section_deconvnet": types.SimpleNamespace(section_deconvnet_skip=Unpooling),
        "my_unet": types.SimpleNamespace(UNet=FaultUNet),
    }


def write_weights(name, factory, folder):
    """Write a file of weights as the people who trained such a network do."""
    if name == "net.onnx":
        graph = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
        write_graph(graph, folder / name)
    elif name in ("net.pt", "faultnet.pt"):
        module = nn.Sequential(nn.Conv2d(1, 6, 1)) if name == "net.pt" else FaultUNet(3)
        torch.jit.save(torch.jit.script(module), folder / name)
    elif name == "resnet18.pth":
        torch.save(importlib.import_module("timm").create_model("resnet18").state_dict(), folder / name)
    else:
        state = factory().state_dict()
        if name == "sfm.pth":
            state = {"model": state | {"mask_token": torch.zeros(1, 1, 48), "decoder_embed.weight": torch.zeros(2, 2)}}
        if name.endswith(".ckpt"):
            state = {"state_dict": {f"model.{key}": value for key, value in state.items()}, "epoch": 9}
        if name.endswith(".safetensors"):
            importlib.import_module("safetensors.torch").save_file(state, folder / name)
        else:
            torch.save(state, folder / name)


def write_graph(module, path):
    """Write two convolutions as an ONNX graph."""
    onnx = importlib.import_module("onnx")
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w1", "b1"], ["a"], name="conv1", pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Relu", ["a"], ["b"], name="relu"),
        onnx.helper.make_node("Conv", ["b", "w2", "b2"], ["y"], name="conv2"),
    ]
    weights = dict(zip(("w1", "b1", "w2", "b2"), module.state_dict().values(), strict=True))
    images = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", channels, "h", "w"])
        for name, channels in (("x", 1), ("y", 2))
    ]
    initial = [onnx.numpy_helper.from_array(values.numpy(), name) for name, values in weights.items()]
    graph = onnx.helper.make_graph(nodes, "graph", images[:1], images[1:], initial)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)]), path)


def test_the_table_names_the_networks_that_people_have():
    names = " ".join(ROWS)
    for name in (
        "segmentation_models_pytorch", "deconvnet", "CIG-Bench", "FaultNet", "FaultSSL", "SFM", "NCS", "deepfault",
        "transformers", "timm", "Lightning", "TorchScript", "ONNX",
    ):  # fmt: skip
        assert name in names


@pytest.mark.parametrize("row", ROWS)
def test_the_command_of_the_table_runs(row, tmp_path, monkeypatch, capsys):
    words = shlex.split(ROWS[row])
    network = words[words.index("--network") + 1]
    needed = PACKAGES.get(network.removeprefix("nets:"))
    if needed:
        package(needed)
    monkeypatch.chdir(tmp_path)
    for name, module in stand_ins().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "nets", raising=False)
    # Narrow networks: what is tested is that the command fits.
    text = FACTORIES.replace("HRNetSkipOpt(c=32)", "HRNetSkipOpt(c=4)")
    text = text.replace("num_classes=0, img_size=224", "num_classes=0, img_size=64, depth=8, embed_dim=48, num_heads=3")
    Path("nets.py").write_text(text, encoding="utf-8")
    if network == "nets:segformer":
        config = importlib.import_module("transformers").SegformerConfig(
            num_channels=1, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], decoder_hidden_size=8, num_labels=6
        )
        config.save_pretrained("segformer")
    monkeypatch.syspath_prepend(str(tmp_path))
    factory = None
    if network.startswith("nets:"):
        factory = getattr(importlib.import_module("nets"), network.removeprefix("nets:"))
    torch.manual_seed(0)
    weights = words[words.index("--weights") + 1] if "--weights" in words else network
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_weights(weights, factory, tmp_path)
    Path("classes.txt").write_text("\n".join(("upper", "middle", "lower", "rijnland", "scruff", "zechstein")))
    Path("fault.txt").write_text("fault\n")
    write_volume(tmp_path / "volume.sgy", (16, 16, 16))
    write_volume(tmp_path / "line.sgy", (3, 64, 64))
    extra = ["--quiet"]
    extra += ["--octaves", "1", "--steps", "1"] if words[0] == "dream" else ["--augmentations", "0"]
    if "line.sgy" in words:
        extra += ["--inline", "1"]
    monkeypatch.setattr(sys, "argv", ["seisdream", *words, *extra, "--out", "result"])
    with warnings.catch_warnings(action="ignore"), pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, capsys.readouterr()
    assert list(Path("result").iterdir())
