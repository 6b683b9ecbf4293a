"""The private copy computes what the user's network computes, or is refused by name."""

import threading
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from errors import raises
from grey_sections import GREY, network_input
from seisdream.attribution.attribute import attribute
from seisdream.dreaming.dream import dream
from seisdream.inference.predict import predict
from seisdream.models.frozen_copy import frozen_copy, unwrapped
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping

SIX = tuple("abcdef")


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(1, 8, 3, padding=1)
        self.head = nn.Conv2d(8, 6, 1)

    def forward(self, values):
        return self.head(torch.relu(self.body(values)))


class KeepsSkip(Plain):
    """Keeps its skip by a hook, as fastai's U-Nets do; `make_hook` says what the hook refers to."""

    def __init__(self, make_hook):
        super().__init__()
        self.up = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Conv2d(16, 6, 1)
        self.skip = None
        self.body.register_forward_hook(make_hook(self))

    def keep(self, _module, _inputs, output):
        self.skip = output

    def forward(self, values):
        return self.head(torch.cat([self.up(self.body(values)), self.skip], 1))


def by_closure(net):
    def hook(_module, _inputs, output):
        net.skip = output

    return hook


def keep_on(net, _module, _inputs, output):
    net.skip = output


def by_default(net):
    return lambda _module, _inputs, output, owner=net: setattr(owner, "skip", output)


def hooked_by_change():
    net = Plain()
    half = torch.tensor([1.0, 0, 1, 0, 1, 0, 1, 0]).view(1, 8, 1, 1)
    net.body.register_forward_hook(lambda _module, _inputs, output: output * half)
    net.head.register_forward_pre_hook(lambda _module, inputs: (inputs[0] + 1,))
    net.register_forward_hook(lambda _module, _inputs, output: output * 2)
    return net


def after_a_run(net):
    """Keep the results of a run, which are no leaves of the graph of gradients."""
    net(torch.rand(1, 1, 16, 16))
    return net


def lazy_after_a_run():
    torch.manual_seed(0)
    return after_a_run(nn.Sequential(nn.LazyConv2d(8, 3, padding=1), nn.LazyConv2d(6, 1)))


class Spectral(nn.Module):
    """A Fourier layer with complex weights."""

    def __init__(self, is_product):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 8, 8, 8, dtype=torch.cfloat) / 8)
        self.is_product = is_product

    def forward(self, values):
        spectrum = torch.fft.rfft2(values)
        out, low = torch.zeros_like(spectrum), spectrum[:, :, :8, :8]
        if self.is_product:
            out[:, :, :8, :8] = (low[:, :, None] * self.weight).sum(1)
        else:
            out[:, :, :8, :8] = torch.einsum("bixy,ioxy->boxy", low, self.weight)
        return torch.fft.irfft2(out, s=values.shape[-2:])


def fourier(is_product):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 1), Spectral(is_product), nn.Conv2d(8, 6, 1))


class QuietTrain(Plain):
    """Freezes its batch norm and returns nothing from `train`, as much published code does."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(8)
        self.norm.running_mean.normal_()

    def forward(self, values):
        return self.head(self.norm(self.body(values)))

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()


class Checkpointed(Plain):
    def __init__(self, *, use_reentrant):
        super().__init__()
        self.use_reentrant = use_reentrant

    def forward(self, values):
        return self.head(checkpoint(self.body, values, use_reentrant=self.use_reentrant))


class Viewed(nn.Module):
    """A view before a linear layer, and one that joins channels and rows."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(1, 8, 3, padding=1)
        self.head = nn.Linear(128, 6)

    def forward(self, values):
        values = self.body(values)
        values = values.view(len(values), 4, -1, values.shape[-1])
        values = functional.adaptive_avg_pool2d(values, (8, 4))
        return self.head(values.view(values.size(0), -1))


class ViewedMap(Plain):
    def forward(self, values):
        values = self.body(values)
        joined = values.view(len(values), -1, values.shape[-1]).softmax(-1)
        return self.head(joined.view_as(values))


class Halves(Plain):
    """Casts to half precision inside, with weights of half precision."""

    def __init__(self, dtype):
        super().__init__()
        self.to(dtype)

    def forward(self, values):
        return super().forward(values.to(self.head.weight.dtype)).float()


class CastsItself(Plain):
    def forward(self, values):
        return super().forward(values.half()).float()


def normed(wrap, **options):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.Sequential(wrap(nn.Conv2d(1, 8, 3, padding=1), **options), nn.ReLU(), wrap(nn.Conv2d(8, 6, 1)))


def buffered():
    net = Plain()
    net.register_buffer("mean", torch.full((1, 6, 1, 1), 3.0), persistent=False)
    net.register_forward_hook(lambda module, _inputs, output: output * module.mean)
    return net


class Buffered(Plain):
    def __init__(self):
        super().__init__()
        self.register_buffer("factor", torch.full((1, 6, 1, 1), 3.0), persistent=False)
        self.register_buffer("order", torch.tensor([5, 4, 3, 2, 1, 0]))

    def forward(self, values):
        return (super().forward(values) * self.factor)[:, self.order]


def compiled_inside():
    net = Plain()
    net.body = torch.compile(net.body, backend="eager")
    return net


NETWORKS = {
    "a hook that is a method": lambda: KeepsSkip(lambda net: net.keep),
    "a hook with an enclosed module": lambda: KeepsSkip(by_closure),
    "a hook with a bound module": lambda: KeepsSkip(lambda net: partial(keep_on, net)),
    "a hook with a default module": lambda: KeepsSkip(by_default),
    "a hook after a run": lambda: after_a_run(KeepsSkip(lambda net: net.keep)),
    "hooks that change results": hooked_by_change,
    "complex weights in einsum": lambda: fourier(False),
    "complex weights in a product": lambda: fourier(True),
    "train that returns nothing": QuietTrain,
    "reentrant checkpoints": lambda: Checkpointed(use_reentrant=True),
    "checkpoints": lambda: Checkpointed(use_reentrant=False),
    "a view before a linear layer": Viewed,
    "a view of a map": ViewedMap,
    "half precision": lambda: Halves(torch.float16),
    "bfloat16": lambda: Halves(torch.bfloat16),
    "a cast inside": lambda: CastsItself().half(),
    "double precision": lambda: Halves(torch.float64),
    "old weight norm": lambda: normed(nn.utils.weight_norm),
    "weight norm": lambda: normed(nn.utils.parametrizations.weight_norm),
    "old spectral norm": lambda: normed(nn.utils.spectral_norm),
    "spectral norm": lambda: normed(nn.utils.parametrizations.spectral_norm),
    "buffers": Buffered,
    "compiled": lambda: torch.compile(Plain(), backend="eager"),
    "a compiled part": compiled_inside,
    "data parallel": lambda: nn.DataParallel(Plain()),
    "lazy after a run": lazy_after_a_run,
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.filterwarnings("ignore:Integrated gradients", "ignore:None of the inputs have requires_grad")
def test_the_copy_answers_as_the_module_does(name, section):
    module = NETWORKS[name]()
    network = load_network(module, preprocessing=GREY, classes=SIX)
    assert not any(part.startswith(("_orig_mod", "module.")) for part in network.layers)
    reference = unwrapped(NETWORKS[name]())
    reference.eval()
    with torch.no_grad():
        own = reference(network_input(section).to(torch.float64 if name == "double precision" else torch.float32))
    tolerance = 0.1 if name in ("half precision", "bfloat16", "a cast inside") else 1e-4
    prepared = PreparedNetwork(network)
    grey = torch.from_numpy(GreyMapping.of(section).to_grey(section.values)).float()[None, None].clamp(0, 255)
    logits = prepared.record(grey, [network.class_layer])[network.class_layer]
    found = functional.interpolate(logits, own.shape[2:]) if own.ndim == 4 else logits.flatten(1)
    torch.testing.assert_close(found.float(), own.float(), rtol=tolerance, atol=tolerance)
    if own.ndim == 4:
        shares = predict(section, network, augmentations=0).probabilities.values
        np.testing.assert_allclose(shares, own.float().softmax(1)[0].numpy(), atol=max(1e-4, tolerance / 2))
    result = dream(section, network, "class:a", octaves=1, steps=1)
    assert np.abs(result.dataset["dream"].values - section.values).max() > 0
    assert np.isfinite(attribute(section, network, "class:a", steps=8).values).all()


def test_the_users_module_is_as_it_was():
    module = KeepsSkip(lambda net: net.keep)
    module.train()
    module.register_buffer("count", torch.zeros(()))
    module.register_forward_pre_hook(lambda net, _inputs: net.count.add_(1) and None)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    _ = Network("net", module, GREY).layers
    assert module.training
    assert module.skip is None
    assert all(part.training for part in module.modules())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_lazy_layers_without_weights_are_refused_by_name():
    with raises("network-failed", "network") as raised:
        _ = load_network(nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU()), preprocessing=GREY).layers
    assert "'0.weight'" in str(raised.value)


def test_a_copy_that_computes_something_else_is_refused():
    results = []

    class Remembers(Plain):
        """Depends on a list outside, which both the copy and the original fill."""

        def forward(self, values):
            results.append(1)
            return super().forward(values) * len(results)

    with raises("network-failed", "network") as raised:
        _ = Network("remembers", Remembers(), GREY).layers
    assert "private copy" in str(raised.value)


def test_dropout_that_stays_on_is_reported_at_once():
    class Random(Plain):
        def forward(self, values):
            return self.head(functional.dropout(self.body(values), 0.5, training=True))

    network = Network("random", Random(), GREY)
    with pytest.warns(UserWarning, match="Two runs of random on the same input differ"):
        assert network.class_layer == "head"


def test_what_cannot_be_copied_is_refused():
    net = Plain()
    net.lock = threading.Lock()
    with raises("network-failed", "network"):
        frozen_copy(net, "locked")


def test_complex_weights_follow_the_precision():
    network = Network("fourier", fourier(False), GREY)
    for precision, dtype in (
        ("float32", torch.complex64),
        ("float64", torch.complex128),
        ("bfloat16", torch.complex64),
    ):
        assert PreparedNetwork(network, "cpu", precision).module[1].weight.dtype == dtype


def test_a_network_on_a_gpu_stays_there(monkeypatch):
    module = Plain()
    network = Network("net", module, GREY)
    assert resolve_device("auto", network) == resolve_device("auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    on_gpu = Network("net", Plain(), GREY)
    monkeypatch.setattr("seisdream.models.prepared.device_of", lambda _module: torch.device("cuda", 1))
    assert resolve_device("auto", on_gpu) == "cuda:1"
    assert resolve_device("cpu", on_gpu) == "cpu"
