"""Tokens of transformers: class token and patches by name, patches on a grid, and attention within windows."""

import numpy as np
import pytest
import torch
from torch import nn

import seisdream as sd
from errors import raises
from seisdream.channels.channel_attribution import gradient_times_activation
from seisdream.models.module_state import ModuleState
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.randomization import cascading_randomization
from seisdream.models.tokens import Grid, TokenPart, find_patches, prefix_parts, take_tokens
from seisdream.seismic.sections import GreyMapping
from small_transformers import GREY, VisionTransformer, vision_transformer, windowed_transformer

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def vit():
    return vision_transformer()


@pytest.fixture
def image():
    return torch.rand(1, 1, 24, 40, generator=torch.Generator().manual_seed(1)) * 255


@pytest.fixture
def section():
    amplitudes = np.random.default_rng(0).standard_normal((24, 40)).astype(np.float32)
    return sd.make_section(amplitudes, dt_ms=4)


def test_the_class_token_and_the_patches_of_a_sequence_are_layers(vit, image):
    module = vit.module.eval()
    patches = module.patch_embed(image / 127.5 - 1)
    sequence = torch.cat([module.cls_token, patches.flatten(2).transpose(1, 2)], 1)
    expected = module.blocks[0](sequence)
    recorded = PreparedNetwork(vit).record(image, ["blocks.0", "blocks.0/class", "blocks.0/patches"])
    torch.testing.assert_close(recorded["blocks.0"][0, :, :, 0], expected[0].T)
    torch.testing.assert_close(recorded["blocks.0/class"][0, :, 0, 0], expected[0, 0])
    torch.testing.assert_close(recorded["blocks.0/patches"], expected[:, 1:].transpose(1, 2).unflatten(2, (3, 5)))
    info = vit.layer("blocks.0/patches")
    assert (info.stride, info.start, info.has_positions) == ((8, 8), (3.5, 3.5), True)
    assert not vit.layer("blocks.0/class").has_positions
    assert not vit.layer("blocks.0").has_positions


def test_registers_are_told_from_the_class_token(image):
    network = vision_transformer(n_registers=3)
    recorded = PreparedNetwork(network).record(image, ["blocks.1/class", "blocks.1/registers", "blocks.1/patches"])
    assert [tuple(values.shape[2:]) for values in recorded.values()] == [(1, 1), (3, 1), (3, 5)]


@pytest.mark.parametrize("n_registers", [0, 3])
def test_a_transformer_of_one_fixed_size_has_patches_too(n_registers):
    network = vision_transformer(n_registers=n_registers, side=128)
    info = network.layer("blocks.2/patches")
    assert (info.stride, info.start) == ((8, 8), (3.5, 3.5))
    recorded = PreparedNetwork(network).record(torch.rand(2, 1, 128, 128), ["blocks.2/patches"])
    assert recorded["blocks.2/patches"].shape == (2, 6, 16, 16)


def test_a_patch_depends_most_on_its_own_samples(vit):
    image = torch.rand(1, 1, 32, 48, requires_grad=True)
    patches = PreparedNetwork(vit).record(image, ["blocks.0/patches"])["blocks.0/patches"]
    (gradient,) = torch.autograd.grad(patches[0, :, 2, 4].square().sum(), image)
    by_patch = gradient[0, 0].abs().unflatten(0, (4, 8)).unflatten(2, (6, 8)).sum((1, 3))
    assert divmod(int(by_patch.argmax()), 6) == (2, 4)


def test_tokens_without_a_class_token_lie_on_the_grid_of_their_patches(image):
    class Tokens(nn.Module):
        def forward(self, values):
            return values.flatten(2).transpose(1, 2)

    network = Network("tokens", nn.Sequential(nn.Conv2d(1, 5, 4, stride=4), Tokens(), nn.LayerNorm(5)), GREY)
    recorded = PreparedNetwork(network).record(image, ["0", "2"])
    torch.testing.assert_close(
        recorded["2"].movedim(1, -1), nn.functional.layer_norm(recorded["0"].movedim(1, -1), (5,))
    )
    assert network.layer("2").stride == (4, 4)
    assert network.layer("2").receptive_field == (4, 4)


def test_a_sequence_without_patches_has_no_positions():
    class Columns(nn.Module):
        def forward(self, values):
            return values.mean(2).transpose(1, 2)

    network = Network("columns", nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), Columns(), nn.LayerNorm(5)), GREY)
    assert not network.layer("2").has_positions
    assert PreparedNetwork(network).record(torch.rand(1, 1, 16, 24), ["2"])["2"].shape == (1, 5, 24, 1)


def test_heads_of_attention_are_no_layers(vit):
    assert "blocks.0.q_norm" not in vit.layers
    assert "blocks.0.norm" in vit.layers


def test_the_default_layer_is_the_patches_of_the_block_two_thirds_of_the_way():
    assert vision_transformer(n_blocks=4).default_layer == "blocks.2/patches"


def test_windows_of_attention_are_no_layers_and_their_maps_are():
    network = windowed_transformer()
    layers = network.layers
    assert not {"first.proj", "second.proj"} & set(layers)
    assert [layers[name].stride for name in ("patch_embed", "first", "first.mlp", "merge", "second", "second.mlp")] == [
        (4, 4),
        (4, 4),
        (4, 4),
        (8, 8),
        (8, 8),
        (8, 8),
    ]
    image = torch.rand(2, 1, 32, 64)
    recorded = PreparedNetwork(network).record(image, ["first", "second.mlp"])
    with torch.no_grad():
        expected = network.module.first(network.module.patch_embed(image / 127.5 - 1).permute(0, 2, 3, 1)).movedim(
            -1, 1
        )
    torch.testing.assert_close(recorded["first"], expected)
    assert recorded["second.mlp"].shape == (2, 8, 4, 8)


def test_what_a_small_input_changes_on_a_network_does_not_reach_the_next_input():
    network = windowed_transformer()
    prepared, fresh = PreparedNetwork(network), PreparedNetwork(network)
    large, small = torch.rand(1, 1, 64, 64), torch.rand(1, 1, 16, 16)
    expected = fresh.record(large, ["second"])["second"]
    prepared.record(small, ["second"])
    assert torch.equal(prepared.record(large, ["second"])["second"], expected)


def test_attributes_and_hooks_are_put_back():
    module = nn.Sequential(nn.Dropout(0.5))
    with ModuleState(module).kept():
        module[0].p, module[0].result = 0.25, torch.zeros(1)
        module[0].register_forward_hook(print)
    assert module[0].p == 0.5
    assert not hasattr(module[0], "result")
    assert not module[0]._forward_hooks


def test_the_first_tensor_of_a_tuple_is_the_layer(image):
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3, padding=1)

        def forward(self, values):
            return self.conv(values), values.shape

    class Chain(nn.Module):
        def __init__(self):
            super().__init__()
            self.pair, self.last = Pair(), nn.Conv2d(2, 1, 1)

        def forward(self, values):
            values, _ = self.pair(values)
            return self.last(values)

    network = Network("pairs", Chain(), GREY)
    recorded = PreparedNetwork(network).record(image, ["pair", "last"])
    torch.testing.assert_close(recorded["last"], network.module.last(recorded["pair"]))


def test_later_layers_depend_on_the_recorded_tokens(vit, image):
    recorded = PreparedNetwork(vit).record(
        image.requires_grad_(), ["blocks.1", "blocks.1/class", "blocks.1/patches", "head"]
    )
    score = recorded["head"][0, 2].sum()
    gradients = torch.autograd.grad(score, [recorded[name] for name in list(recorded)[:3]])
    assert all(float(gradient.abs().max()) > 0 for gradient in gradients)
    torch.testing.assert_close(gradients[0][:, :, :1], gradients[1])
    torch.testing.assert_close(gradients[0][:, :, 1:, 0], gradients[2].flatten(2))


def test_channels_of_patches_have_effects_on_the_classes(vit, section):
    effects = gradient_times_activation(
        PreparedNetwork(vit), ["blocks.1/patches"], section, GreyMapping.of(section, 99), [0, 1]
    )
    assert np.abs(effects["blocks.1/patches"]).min() > 0


def test_a_dream_increases_the_activation_of_patches_and_of_the_class_token(vit, section):
    for layer in ("blocks.1/patches", "blocks.1/patches:3", "blocks.1/class", "blocks.1"):
        result = sd.dream(section, vit, layer, octaves=1, steps=2, jitter=0)
        assert result.scores[-1]["score"] > result.scores[0]["score"]


def test_activations_of_patches_have_positions_and_those_of_other_tokens_are_numbered(vit, section):
    patches = sd.record_activations(section, vit, "blocks.1/patches")
    assert patches.dims == ("channel", "time", "trace")
    assert patches.shape == (6, 3, 5)
    assert patches["row"].values.tolist() == [3.5, 11.5, 19.5]
    tokens = sd.record_activations(section, vit, "blocks.1")
    assert tokens.dims == ("channel", "token")
    np.testing.assert_allclose(tokens[:, 1:].values.reshape(6, 3, 5), patches.values)
    assert sd.record_activations(section, vit, "blocks.1/class").shape == (6, 1, 1)


def test_parts_of_the_network_are_randomised_once(vit):
    assert [last for last, _, _ in cascading_randomization(vit, None)] == ["head", "blocks", "patch_embed"]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((24, 48), ((16, 16), 0)),  # 4 × 6 and 6 × 8 patches
        ((25, 49), ((16, 16), 1)),
        ((29, 53), ((16, 16), 5)),
        ((6, 12), ((32, 32), 0)),  # merged in pairs
        ((25, 50), None),
        ((24, 24), None),
    ],
)
def test_the_grid_of_patches_follows_from_the_numbers_of_tokens(counts, expected):
    found = find_patches(counts, [Grid(((4, 6), (6, 8)), (16, 16), (7.5, 7.5))])
    assert (found and (found[0].stride, found[1])) == expected


def test_the_centre_of_merged_patches_is_that_of_their_samples():
    assert Grid(((4, 6),), (4, 4), (1.5, 1.5)).merged(2).start == (3.5, 3.5)


@pytest.mark.parametrize(
    ("names", "n_tokens", "expected"),
    [
        (("cls_token",), 1, ["class"]),
        (("other",), 1, ["class"]),
        (("cls_token", "dist_token"), 2, ["class", "distillation"]),
        (("cls_token", "register_tokens"), 5, ["class", "registers"]),
        (("reg_token",), 4, ["registers"]),
    ],
)
def test_tokens_before_the_patches_are_named_after_the_parameters(names, n_tokens, expected):
    module = nn.Module()
    for name in names:
        module.register_parameter(name, nn.Parameter(torch.zeros(1)))
    parts = prefix_parts(module, n_tokens)
    assert list(parts) == expected
    assert list(parts.values())[-1].stop == n_tokens


def test_patches_that_fill_no_grid_are_refused():
    part = TokenPart(1, None, is_grid=True)
    assert take_tokens(torch.zeros(1, 7, 2), part, (8, 8), (16, 24)).shape == (1, 2, 3, 2)
    assert take_tokens(torch.zeros(1, 7, 2), part, (8, 8), (17, 30)).shape == (1, 2, 3, 2)  # rounded down
    assert take_tokens(torch.zeros(1, 7, 2), part, (8, 8), (15, 17)).shape == (1, 2, 3, 2)  # rounded up
    with raises("network-failed", "layer"):
        take_tokens(torch.zeros(1, 8, 2), part, (8, 8), (16, 24))


def test_a_layer_with_more_outputs_than_images_is_refused(vit, image):
    class Folded(VisionTransformer):
        def forward(self, values):
            parts = values.unflatten(2, (-1, 8)).movedim(2, 0).flatten(0, 1) if values.shape[2] > 512 else values
            return self.patch_embed(parts)

    network = Network("folded", Folded(), GREY)
    with raises("not-supported", "layer"):
        PreparedNetwork(network).record(torch.rand(1, 1, 1024, 8), ["patch_embed"])


def test_a_network_that_hooks_itself_when_it_first_runs_is_as_it_was():
    class HooksItself(nn.Module):
        def __init__(self):
            super().__init__()
            self.is_hooked, self.kept = False, []
            self.conv = nn.Conv2d(1, 2, 3, padding=1)

        def forward(self, values):
            if not self.is_hooked:
                self.is_hooked = True
                self.conv.register_forward_hook(lambda module, inputs, output: output * 2)
            return self.conv(values)

    module = HooksItself()
    network = Network("hooks", module, GREY)
    assert network.layers
    assert not module.is_hooked
    assert not module.conv._forward_hooks
