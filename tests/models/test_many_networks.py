"""Networks of the kinds that people build agree with their own forward, or are refused by name."""

import warnings

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from errors import raises
from many_networks import NETWORKS
from seisdream.attribution.attribute import attribute
from seisdream.dreaming.dream import dream
from seisdream.errors import CODES, SeisdreamError
from seisdream.inference.predict import predict
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping, make_section

GREY = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))
SECTION = make_section(np.random.default_rng(0).normal(size=(32, 48)).cumsum(0).cumsum(1) % 7 - 3, dt_ms=4.0)
CUBE = xr.DataArray(
    np.random.default_rng(1).normal(size=(8, 8, 16)).astype(np.float32), dims=("inline", "crossline", "time")
)
NAMES = ("a", "b", "c")


def made(name):
    """Return a network's module, and the network."""
    factory, _, dims, _ = NETWORKS[name]
    torch.manual_seed(0)
    module = factory().eval()
    names = ("a",) if name == "one_output" else NAMES
    return module, load_network(module, preprocessing=GREY, classes=names, dims=dims)


def grey_of(data):
    return torch.from_numpy(GreyMapping.of(data).to_grey(data.values).clip(0, 255))[None, None]


def probabilities_of(name, module, image):
    """Return the probabilities that a module itself returns for an image in grey levels."""
    output = module(GREY(image).to(next(module.parameters()).dtype if name == "half_precision" else torch.float32))
    if not isinstance(output, torch.Tensor):
        output = (
            output.logits if hasattr(output, "logits") else output["out"] if isinstance(output, dict) else output[0]
        )
    output = output.float()
    if name in ("softmax_head", "sigmoid_head", "mean_of_softmaxes", "temperature"):
        return output
    if name == "one_output":
        return torch.cat([torch.sigmoid(-output), torch.sigmoid(output)], 1)
    return output.softmax(1)


MAPS = [name for name, (_, makes, dims, _) in NETWORKS.items() if makes == "map" and dims == 2]
CUBES = [name for name, (_, makes, dims, _) in NETWORKS.items() if makes == "map" and dims == 3]
REFUSED = [name for name, (_, makes, _, _) in NETWORKS.items() if makes not in ("map", "vector")]


@pytest.mark.parametrize("name", MAPS)
def test_map_and_gradient_are_the_modules_own(name):
    module, network = made(name)
    tolerance = NETWORKS[name][3]
    section = SECTION[:, :32] if "one_size" in name else SECTION
    image = grey_of(section).requires_grad_()
    found = predict(section, network, augmentations=0).probabilities.values
    prepared, layer = PreparedNetwork(network), network.class_map_layer
    own = probabilities_of(name, module, image)
    np.testing.assert_allclose(found, own[0].detach().numpy(), atol=tolerance, rtol=0)
    # The gradient of a class, as dreams and attributions take it, through the layer of its logits.
    (expected,) = torch.autograd.grad(own[:, 1].square().sum(), image)
    recorded = prepared.record(image, (layer,))[layer].float()
    logits = torch.cat([-recorded, recorded], 1) if name == "one_output" else recorded
    with prepared.exactly():
        (gradient,) = torch.autograd.grad(network.class_probabilities(logits)[:, 1].square().sum(), image)
    largest = float(expected.abs().max())
    assert largest > 0
    np.testing.assert_allclose(gradient.numpy(), expected.numpy(), atol=max(10 * tolerance, 1e-4) * largest, rtol=0)


@pytest.mark.parametrize("name", MAPS)
def test_activations_of_all_layers_and_their_gradient_are_the_modules_own(name):
    module, network = made(name)
    image = grey_of(SECTION[:, :32] if "one_size" in name else SECTION).requires_grad_()
    layers = [info for info in network.layers.values() if info.returned is None and info.module == info.name]
    prepared, own = PreparedNetwork(network), {}

    def keep(layer):
        def hook(_module, _inputs, output):
            own[layer] = (output[0] if isinstance(output, tuple) else output).clone()  # the last call counts

        return hook

    handles = [module.get_submodule(info.name).register_forward_hook(keep(info.name)) for info in layers]
    module(GREY(image).to(next(module.parameters()).dtype if name == "half_precision" else torch.float32))
    for handle in handles:
        handle.remove()
    found = prepared.record(image, [info.name for info in layers])
    tolerance, sums = NETWORKS[name][3], [torch.zeros(()), torch.zeros(())]
    for info in layers:
        expected = own[info.name].movedim(info.channel_axis, 1).float()
        activations = found[info.name].float()
        largest = float(expected.detach().abs().max())
        expected = expected.reshape(activations.shape)
        torch.testing.assert_close(activations, expected, atol=max(1e-6, 10 * tolerance * largest), rtol=0)
        weights = torch.rand(activations.shape, generator=torch.Generator().manual_seed(0)) / max(1e-6, largest)
        sums = [total + (weights * one).sum() for total, one in zip(sums, (activations, expected), strict=True)]
    if layers:
        gradient, expected = (torch.autograd.grad(one, image)[0] for one in sums)
        limit = max(20 * tolerance, 1e-4) * float(expected.abs().max())
        torch.testing.assert_close(gradient, expected, atol=limit, rtol=0)


@pytest.mark.parametrize("name", ["padded_inside", "padded_to_its_skip", "unet_of_any_size", "reflection_padding"])
def test_a_section_of_odd_size_is_predicted_as_the_module_does(name):
    module, network = made(name)
    section = SECTION[:29, :43]
    with torch.no_grad():
        own = probabilities_of(name, module, grey_of(section))[0]
    found = predict(section, network, augmentations=0).probabilities
    np.testing.assert_allclose(found, own, atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", ["deconvolution", "output_padding", "pixel_shuffle"])
def test_samples_have_their_own_units_where_the_last_is_rounded_up(name):
    module, network = made(name)
    section = SECTION[:31, :47]
    with torch.no_grad():
        own = probabilities_of(name, module, grey_of(section))[0]
    assert own.shape[1:] == (32, 48)
    found = predict(section, network, augmentations=0).probabilities
    np.testing.assert_allclose(found, own[:, :31, :47], atol=2e-6, rtol=0)


def test_a_network_with_an_operation_of_float32_alone_runs_under_bfloat16():
    class Modulus(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3)

        def forward(self, values):
            return torch.complex(self.first(values), self.second(values)).abs()

    network = load_network(Modulus(), preprocessing=GREY)
    layer = list(network.layers)[-1]
    exact, found = (
        PreparedNetwork(network, precision=precision).record(grey_of(SECTION), (layer,))[layer]
        for precision in ("float32", "bfloat16")
    )
    torch.testing.assert_close(found, exact)


@pytest.mark.parametrize("name", ["batch_statistics", "standardised", "one_image_at_a_time", "unet"])
def test_images_of_a_batch_do_not_depend_on_one_another(name):
    _, network = made(name)
    prepared, layers = PreparedNetwork(network), list(network.layers)
    image = grey_of(SECTION)
    images = torch.cat([image, 255 - image / 2])
    with torch.no_grad():
        both = prepared.record(images, layers)
        alone = [prepared.record(one, layers) for one in images.split(1)]
    for layer in layers:
        torch.testing.assert_close(both[layer], torch.cat([one[layer] for one in alone]))


def test_layers_of_a_flipped_copy_have_no_positions():
    _, network = made("averaged_over_flips")
    assert not network.layer("net.middle").has_positions
    output = network.layer(network.class_layer)
    assert (output.stride, output.start, output.receptive_field) == ((1, 1), (0, 0), (5, 5))


def test_a_module_keeps_the_buffers_that_its_forward_replaces():
    module, network = made("keeps_means")
    before = module.mean
    predict(SECTION, network, augmentations=0)
    assert module.mean is before
    assert float(before) == 0


@pytest.mark.parametrize("name", MAPS[::2])
def test_a_step_towards_a_class_and_an_inner_layer_is_finite(name):
    _, network = made(name)
    inner = next(iter(network.layers))
    for layer in {"class:a", inner}:
        dreamed = dream(SECTION, network, layer, octaves=1, steps=1, jitter=0).dream
        assert np.isfinite(dreamed).all()
        assert not np.array_equal(dreamed, SECTION)


@pytest.mark.parametrize("name", ["plain", "unet", "group_norm", "hooked", "dictionary", "scripted"])
def test_integrated_gradients_are_those_of_the_module(name):
    module, network = made(name)
    image = grey_of(SECTION)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = attribute(SECTION, network, "class:b", steps=1).values
    middle = (0.5 * (image + 127.5)).requires_grad_()
    output = module(GREY(middle))
    output = output["out"] if isinstance(output, dict) else output
    (gradient,) = torch.autograd.grad(output[:, 1].mean(), middle)
    expected = ((image - 127.5) * gradient)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("name", CUBES)
def test_a_cube_is_predicted_as_the_module_does(name):
    module, network = made(name)
    prediction = predict(CUBE, network, augmentations=0).probabilities.transpose("class", "time", "inline", "crossline")
    image = grey_of(CUBE.transpose("time", "inline", "crossline"))
    with torch.no_grad():
        own = probabilities_of(name, module, image)[0].numpy()
    assert prediction.shape == own.shape
    # The grey mapping of a cube is measured on its traces; the classes are what counts.
    assert (prediction.values.argmax(0) == own.argmax(0)).mean() > 0.98


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_right_is_refused_by_name(name):
    with raises(NETWORKS[name][1]):
        predict(SECTION, made(name)[1], augmentations=0)


def test_a_vector_of_classes_makes_no_map_and_is_attributed():
    module, network = made("class_vector")
    with raises("not-supported"):
        predict(SECTION, network, augmentations=0)
    found = attribute(SECTION, network, "class:b", steps=16)
    image = grey_of(SECTION)
    with torch.no_grad():
        change = module(GREY(image))[0, 1] - module(GREY(torch.full_like(image, 127.5)))[0, 1]
    assert float(found.sum()) == pytest.approx(float(change), rel=0.05, abs=1e-3)


class Drawn(nn.Module):
    """Stages in a row, some of them in two branches, and the classes at the size of the input."""

    def __init__(self, stages, is_resized):
        super().__init__()
        self.stages, self.head, self.is_resized = nn.ModuleList(stages), nn.Conv2d(4, 3, 1), is_resized

    def forward(self, values):
        size, values = values.shape[2:], values.repeat(1, 4, 1, 1)
        for stage in self.stages:
            values = stage(values)
        values = self.head(values)
        return functional.interpolate(values, size, mode="bilinear") if self.is_resized else values


class Branches(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, values):
        return sum(branch(values) for branch in self.branches)


def convolutions(size, stride, dilation):
    return nn.Conv2d(4, 4, size, stride, size // 2 * dilation, dilation)


CONVOLUTIONS = st.builds(convolutions, st.sampled_from([1, 3, 5]), st.integers(1, 3), st.integers(1, 2))
SAME_SIZE = st.builds(convolutions, st.sampled_from([1, 3]), st.just(1), st.integers(1, 2))
STAGES = st.one_of(
    CONVOLUTIONS,
    st.builds(Branches, SAME_SIZE, SAME_SIZE),
    st.sampled_from([nn.ReLU, nn.SiLU, nn.Identity]).map(lambda kind: kind()),
    st.sampled_from([lambda: nn.BatchNorm2d(4), lambda: nn.GroupNorm(2, 4), lambda: nn.InstanceNorm2d(4)]).map(
        lambda make: make()
    ),
    st.builds(nn.MaxPool2d, st.integers(2, 3), ceil_mode=st.booleans()),
    st.builds(nn.AvgPool2d, st.just(2), ceil_mode=st.booleans()),
)


@settings(max_examples=8)
@given(st.lists(STAGES, min_size=1, max_size=4), st.booleans(), st.integers(0, 9))
def test_any_network_agrees_with_itself_or_is_refused_by_name(stages, is_resized, seed):
    torch.manual_seed(seed)
    module = Drawn(stages, is_resized).eval()
    try:
        network = load_network(module, preprocessing=GREY, classes=NAMES)
        found = predict(SECTION, network, augmentations=0).probabilities.values
    except SeisdreamError as error:
        assert error.code in CODES  # noqa: PT017
        return
    with torch.no_grad():
        own = module(GREY(grey_of(SECTION))).softmax(1)[0].numpy()
    if own.shape == found.shape:
        np.testing.assert_allclose(found, own, atol=5e-6, rtol=0)
    else:
        assert not is_resized


def test_there_are_seventy_networks():
    assert len(NETWORKS) >= 70
