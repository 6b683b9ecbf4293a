"""Networks: preprocessing, recording, layers and classes; the module of the user is unchanged."""

import contextlib
import gc
import threading
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device, resolve_precision
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.zoo.unet import UNet
from seisdream.seismic.sections import make_section

torch.set_num_threads(1)
GREY = Preprocessing("grey")


class Branchy(nn.Module):
    """Two branches, an in-place ReLU, a shared module, and a part that must not run for early layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.left = nn.Conv2d(4, 3, 1)
        self.right = nn.Conv2d(4, 2, 3, stride=1, padding=1)
        self.norm = nn.BatchNorm2d(5)
        self.head = nn.Conv2d(5, 6, 1)
        self.fails = None

    def forward(self, picture):
        stem = self.relu(self.stem(picture))
        if self.fails is not None:
            raise self.fails
        joined = torch.cat([self.left(stem), self.right(stem)], 1)
        return self.head(self.relu(self.norm(joined)))


@pytest.fixture
def module():
    return Branchy()


@pytest.fixture
def network(module):
    return Network("branchy", module, GREY)


@pytest.fixture
def picture():
    return torch.rand(1, 1, 12, 16, generator=torch.Generator().manual_seed(1)) * 255


def test_preprocessing_applies_scale_mean_and_std_in_channel_order():
    colour = torch.tensor([10.0, 20.0, 30.0]).view(1, 3, 1, 1).expand(1, 3, 4, 5)
    seen = Preprocessing("bgr", mean=(104, 117, 123))(colour)
    assert seen[0, :, 0, 0].tolist() == [30 - 104, 20 - 117, 10 - 123]
    seen = Preprocessing("rgb", scale=0.5, mean=(1, 2, 3), std=(2, 4, 5))(colour)
    assert seen[0, :, 0, 0].tolist() == [2, 2, pytest.approx(2.4)]
    assert Preprocessing("grey")(colour)[0, :, 0, 0].tolist() == [20]
    grey = torch.full((2, 1, 4, 5), 127.5)
    assert Preprocessing("rgb", std=2)(grey).shape == (2, 3, 4, 5)
    assert Preprocessing("grey", scale=1 / 127.5, mean=1.0)(grey).abs().max() == 0


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"order": "cmyk"}, "unknown-name"),
        ({"order": "rgb", "mean": (1, 2)}, "wrong-shape"),
        ({"order": "grey", "mean": (1, 2, 3)}, "wrong-shape"),
        ({"order": "rgb", "std": (1, 0, 1)}, "out-of-range"),
        ({"order": "rgb", "scale": 0}, "out-of-range"),
    ],
)
def test_impossible_preprocessing_is_refused(settings, code):
    with raises(code):
        Preprocessing(**settings)


def test_pictures_of_other_shapes_are_refused():
    with raises("wrong-shape"):
        GREY(torch.zeros(3, 4, 5))


def test_layers_come_in_the_order_they_are_computed(network):
    assert list(network.layers) == ["stem", "left", "right", "norm", "relu", "head"]
    assert [info.n_channels for info in network.layers.values()] == [4, 3, 2, 5, 5, 6]
    assert network.layers["relu"].n_calls == 2
    assert network.layers["right"].receptive_field == (5, 5)


def test_record_returns_the_output_of_each_module(network, module, picture):
    recorded = PreparedNetwork(network).record(picture, ["stem", "relu", "right"])
    module.eval()
    stem = module.stem(picture)
    torch.testing.assert_close(recorded["stem"], stem)  # and not what the in-place ReLU made of it
    rectified = stem.relu()
    torch.testing.assert_close(recorded["right"], module.right(rectified))
    joined = torch.cat([module.left(rectified), module.right(rectified)], 1)
    torch.testing.assert_close(recorded["relu"], module.norm(joined).relu())  # the last of two calls
    for name, values in recorded.items():
        alone = PreparedNetwork(network).record(picture, [name])[name]
        torch.testing.assert_close(alone, values, rtol=0, atol=0)


def test_record_is_differentiable_and_frozen(network, picture):
    picture.requires_grad_()
    prepared = PreparedNetwork(network)
    prepared.record(picture, ["right"])["right"].sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert all(p.grad is None and not p.requires_grad for p in prepared.module.parameters())


def test_nothing_runs_beyond_the_deepest_layer(network, module, picture):
    network.layers  # noqa: B018  (found before the module starts to fail)
    module.fails = RuntimeError("too far")
    assert PreparedNetwork(network).record(picture, ["stem", "stem"])["stem"].shape == (1, 4, 12, 16)
    with raises("network-failed"):
        PreparedNetwork(network).record(picture, ["left"])


def state_of(module):
    return (
        {name: (value.clone(), value.data_ptr()) for name, value in module.state_dict().items()},
        [(name, p.requires_grad) for name, p in module.named_parameters()],
        [(name, part.training) for name, part in module.named_modules()],
        [(name, len(part._forward_hooks), len(part._forward_pre_hooks)) for name, part in module.named_modules()],
    )


def assert_same_state(module, before):
    after = state_of(module)
    assert after[1:] == before[1:]
    for name, (value, where) in before[0].items():
        assert torch.equal(value, after[0][name][0])
        assert where == after[0][name][1]


@pytest.mark.parametrize("fails", [None, RuntimeError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_users_module_is_unchanged(network, module, picture, fails, precision):
    module.train()
    module.norm.eval()
    module.left.requires_grad_(False)
    module.stem.register_forward_hook(lambda *_: None)
    network.layers  # noqa: B018
    before, hash_before = state_of(module), network.sha256
    module.fails = fails
    prepared = PreparedNetwork(network, "cpu", precision)
    for _ in range(3):
        if fails is None:
            prepared.record(picture.requires_grad_(), ["head"])["head"].float().sum().backward()
        else:
            with pytest.raises((SeisdreamError, KeyboardInterrupt)):
                prepared.record(picture, ["stem", "head"])
    assert_same_state(module, before)
    assert network.sha256 == hash_before
    hooks_in_copy = {name: len(part._forward_hooks) for name, part in prepared.module.named_modules()}
    assert [name for name, n_hooks in hooks_in_copy.items() if n_hooks] == ["stem"]  # the user's own


@pytest.mark.parametrize("is_function", [False, True])
def test_the_gradient_through_instance_norm_is_that_of_the_module(picture, is_function):
    """torch 2.13 misreads a channels_last gradient there; the convolution after it makes one."""

    class Normalized(nn.Module):
        def forward(self, values):
            return nn.functional.instance_norm(values)

    torch.manual_seed(0)
    norm = Normalized() if is_function else nn.InstanceNorm2d(8)
    net = nn.Sequential(nn.Conv2d(1, 8, 3), norm, nn.Conv2d(8, 4, 3))
    picture.requires_grad_()
    recorded = PreparedNetwork(Network("normalized", net, GREY)).record(picture, ["2"])["2"]
    weights = torch.rand(recorded.shape, generator=torch.Generator().manual_seed(2))
    (found,) = torch.autograd.grad((recorded * weights).sum(), picture)
    exact = picture.detach().double().requires_grad_()
    (expected,) = torch.autograd.grad((net.double()(exact) * weights).sum(), exact)
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def test_forward_hooks_run_on_the_copy_and_backward_hooks_do_not(module, picture):
    fired = []
    for kind in ("forward_hook", "full_backward_hook", "full_backward_pre_hook"):
        getattr(module.stem, f"register_{kind}")(lambda *_, kind=kind: fired.append(kind))
    module.stem.register_forward_hook(lambda *_: fired.append("with kwargs"), with_kwargs=True, always_call=True)
    network = Network("hooked", module, GREY)
    network.layers  # noqa: B018  (runs it too)
    fired.clear()
    recorded = PreparedNetwork(network).record(picture.requires_grad_(), ["head"])["head"]
    recorded.sum().backward()
    assert fired == ["forward_hook", "with kwargs"]
    fired.clear()
    module.stem(picture).sum().backward()
    assert fired == ["forward_hook", "with kwargs", "full_backward_pre_hook", "full_backward_hook"]


def test_weight_norm_still_works(picture):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        net = nn.Sequential(nn.utils.weight_norm(nn.Conv2d(1, 2, 3)))
    with torch.no_grad():
        net(picture)
        net[0].weight_g *= 3
        net[0].weight = net[0].weight.detach()
    net, picture = net.double(), picture.double()
    recorded = PreparedNetwork(Network("normalized", net, GREY), "cpu", "float64").record(picture, ["0"])["0"]
    torch.testing.assert_close(recorded, net(picture))


def test_a_module_without_submodules_is_one_layer(picture):
    module = nn.Conv2d(1, 4, 3)
    network = Network("bare", module, GREY, classes=("a", "b", "c", "d"))
    assert list(network.layers) == ["output"]
    assert network.default_layer == network.class_layer == "output"
    torch.testing.assert_close(PreparedNetwork(network).record(picture, ["output"])["output"], module(picture))


def test_a_module_without_layers_has_what_it_returns():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(1, 1, 3)

        def forward(self, values):
            return nn.functional.conv2d(values, self.convolution.weight)

    unused = Network("unused", Unused(), GREY)
    assert list(unused.layers) == [unused.default_layer] == ["output"]
    picture = torch.rand(1, 1, 6, 8)
    expected = nn.functional.conv2d(picture, unused.module.convolution.weight)
    torch.testing.assert_close(PreparedNetwork(unused).record(picture, ["output"])["output"], expected)


@pytest.mark.parametrize("which", ["default_layer", "class_layer"])
def test_wrong_default_and_class_layers_are_refused(module, which):
    network = Network("branchy", module, GREY, **{which: "haed"})
    with raises("unknown-name"):
        getattr(network, which)


def test_weights_of_other_ranks_than_four_are_left_as_they_are(picture):
    class Volume(nn.Module):
        def forward(self, values):
            return values.unsqueeze(2).expand(-1, -1, 3, -1, -1)

    net = nn.Sequential(nn.Conv2d(1, 4, 3), Volume(), nn.Conv3d(4, 2, 3), nn.Flatten(1, 2))
    net, picture = net.double(), picture.double()
    prepared = PreparedNetwork(Network("deep", net, GREY), "cpu", "float64")
    torch.testing.assert_close(prepared.record(picture, ["3"])["3"], net(picture))
    assert prepared.module[0].weight.is_contiguous(memory_format=torch.channels_last)


def gpu_settings():
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    if hasattr(matmul, "fp32_precision"):
        tf32 = [unit.fp32_precision for unit in (matmul, cudnn.conv, cudnn.rnn)]
    else:
        tf32 = [unit.allow_tf32 for unit in (matmul, cudnn)]
    return cudnn.benchmark, cudnn.deterministic, *tf32


@pytest.fixture
def cleared_gpu_settings():
    yield
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = False


@pytest.mark.usefixtures("cleared_gpu_settings")
@pytest.mark.parametrize("switch", ["none", "old", "new"])
def test_float32_on_a_gpu_is_float32_and_repeats(network, switch):
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    cudnn.benchmark = True
    if switch == "old":
        matmul.allow_tf32 = True
    if switch == "new":
        if not hasattr(matmul, "fp32_precision"):
            pytest.skip("this torch has no new switch")
        matmul.fp32_precision = "tf32"
        cudnn.conv.fp32_precision = "ieee"
    before = gpu_settings()
    on_gpu = PreparedNetwork(network)
    on_gpu.device = torch.device("cuda")  # which settings are made needs no GPU to see
    with on_gpu.exactly(), on_gpu.exactly():
        assert gpu_settings()[:2] == (False, True)
        assert set(gpu_settings()[2:]) <= {"ieee", False}
    assert gpu_settings() == before
    with pytest.raises(KeyboardInterrupt), on_gpu.exactly():
        raise KeyboardInterrupt
    assert gpu_settings() == before
    rough = PreparedNetwork(network, "cpu", "bfloat16")
    rough.device = torch.device("cuda")
    for other in (PreparedNetwork(network), rough):
        with other.exactly():
            assert gpu_settings() == before


def test_record_runs_exactly(network, module, picture, monkeypatch):
    prepared = PreparedNetwork(network)
    inside = []

    @contextlib.contextmanager
    def exactly():
        inside.append("in")
        yield
        inside.append("out")

    prepared.module.stem.register_forward_pre_hook(lambda *_: inside.append("forward"))
    monkeypatch.setattr(prepared, "exactly", exactly)
    prepared.record(picture, ["stem"])
    assert inside == ["in", "forward", "out"]


def test_repeated_use_leaks_no_tensors(network, picture):
    prepared = PreparedNetwork(network)
    prepared.record(picture, ["head"])

    def n_tensors():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    before = n_tensors()
    for _ in range(5):
        prepared.record(picture, ["stem", "head"])
    assert n_tensors() <= before


def test_the_hash_is_of_names_and_weights(module, network):
    first = network.sha256
    assert first == Network("other name", Branchy(), GREY).sha256
    with torch.no_grad():
        module.stem.weight.view(-1)[0] += 1e-3
    assert network.sha256 != first


def test_unknown_layers_are_refused_with_near_matches(network):
    with raises("unknown-name", "layer") as error:
        network.layer("rihgt")
    assert "right" in str(error.value)
    with raises("unknown-name"):
        PreparedNetwork(network).record(torch.zeros(1, 1, 8, 8), ["xyz"])


def test_images_that_are_too_small_are_mirrored():
    net = Network("deep", nn.Sequential(*[nn.Conv2d(1, 1, 5, stride=2) for _ in range(3)]), GREY)
    image = torch.rand(1, 1, 9, 40)
    mirrored = torch.from_numpy(np.pad(image.numpy(), ((0, 0), (0, 0), (0, 20), (0, 0)), mode="reflect"))
    torch.testing.assert_close(PreparedNetwork(net).record(image, ["2"]), PreparedNetwork(net).record(mirrored, ["2"]))


def test_outputs_always_have_four_axes():
    net = nn.Sequential(
        nn.Conv2d(3, 5, 4, stride=4), nn.Flatten(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(5, 2)
    )
    prepared = PreparedNetwork(Network("flat", net, Preprocessing("rgb")))
    recorded = prepared.record(torch.rand(2, 1, 16, 24), ["0", "3", "4"])
    assert [tuple(values.shape) for values in recorded.values()] == [(2, 5, 4, 6), (2, 5, 1, 1), (2, 2, 1, 1)]


def test_a_module_that_runs_on_no_image_is_a_user_error():
    with raises("network-failed"):
        Network("rgb only", nn.Conv2d(3, 1, 1), GREY).layer("x")


def test_a_module_that_cannot_be_copied_is_refused():
    module = nn.Sequential(nn.Conv2d(1, 1, 1))
    module.lock = threading.Lock()
    with raises("network-failed"):
        PreparedNetwork(Network("kept", module, GREY))


CLASSES = ("tench, Tinca tinca", "tabby, tabby cat", "crane", "crane", "salt dome", "shale")


@pytest.fixture
def classifier(module):
    return Network("branchy", module, GREY, classes=CLASSES)


def test_classes_are_found_by_number_name_or_synonym(classifier):
    assert classifier.class_layer == "head"
    assert [classifier.class_index(name) for name in (3, "3", "Tabby Cat", "tench, tinca tinca", "salt dome")] == [
        3,
        3,
        1,
        0,
        4,
    ]


@pytest.mark.parametrize(
    ("name", "code", "part"),
    [
        ("salt dom", "unknown-name", "nearest: salt dome"),
        ("crane", "ambiguous", "2 (crane); 3 (crane)"),
        (6, "unknown-name", "0 to 5"),
        ("qqq", "unknown-name", "0 to 5"),
    ],
)
def test_unknown_classes_are_refused(classifier, name, code, part):
    with raises(code) as error:
        classifier.class_index(name)
    assert part in str(error.value)


def test_only_similar_names_are_listed_among_many_classes():
    names = [f"stone {number}" for number in range(30)]
    many = Network("many", nn.Sequential(nn.Conv2d(1, 30, 1)), Preprocessing("grey"), classes=names)
    with raises("unknown-name") as error:
        many.class_index("ston 7")
    assert "stone 7" in str(error.value)
    assert "stone 20" not in str(error.value)
    with raises("unknown-name"):
        many.class_index("qqq")


@pytest.mark.parametrize(
    ("attrs", "is_foreign"),
    [
        ({"source": "data/f3_inline362.npz"}, False),
        ({"source": "F3-lsb.sgy"}, False),
        ({"source": "line.sgy", "credit": "F3: TNO"}, False),
        ({"source": "f3/line.sgy"}, True),
        ({"source": "f33.sgy"}, True),
        ({}, True),
    ],
)
def test_classes_of_one_survey_are_out_of_domain_on_others(attrs, is_foreign):
    section = make_section(np.ones((4, 4)), **attrs)
    module = nn.Sequential(nn.Conv2d(1, 3, 1))
    network = Network("x", module, Preprocessing("grey"), classes=("a", "b", "c"), survey="F3")
    reason = network.out_of_domain_reason(section)
    assert (reason is not None) == is_foreign
    assert reason is None or "F3" in reason
    assert Network("x", module, Preprocessing("grey"), classes=("a", "b", "c")).out_of_domain_reason(section) is None


def test_networks_for_cubes_have_layers_and_refuse_sections():
    cubes = Network("cubes", UNet(2, (4, 4), n_dims=3), Preprocessing("grey"))
    assert cubes.n_spatial_dims == 3
    assert (cubes.layer("enc2").n_channels, cubes.layer("logits").n_channels) == (4, 2)
    recorded = PreparedNetwork(cubes).record(torch.rand(1, 1, 16, 12, 8), ("enc2", "logits"))
    assert [tuple(values.shape) for values in recorded.values()] == [(1, 4, 8, 6, 4), (1, 2, 16, 12, 8)]
    with raises("not-supported"):
        PreparedNetwork(cubes).record(torch.rand(1, 1, 16, 12), ("enc2",))


def test_classes_without_names_have_numbers(network, module):
    assert network.class_layer == "head"
    without = Network("branchy", module, GREY, has_classes=False)
    assert without.class_layer is None
    with raises("no-labels"):
        without.class_index(1)
    nameless = Network("branchy", module, GREY, class_layer="head")
    assert nameless.class_index("5") == 5
    with raises("no-labels"):
        nameless.class_index("salt")


def test_the_logits_are_found_before_the_softmax():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Softmax(dim=1))
    assert Network("probabilities", net, GREY, classes=("shale", "salt")).class_layer == "0"


def test_default_layer_is_the_last_on_a_coarse_grid_or_two_thirds_of_the_way(network):
    assert network.default_layer == "norm"
    down_and_up = nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=4, padding=1),
        nn.Conv2d(2, 3, 3, stride=4, padding=1),
        nn.ReLU(),
        nn.Upsample(scale_factor=16),
    )
    assert Network("hourglass", down_and_up, GREY).default_layer == "2"
    down = nn.Sequential(*(nn.Conv2d(1, 1, 4, stride=4) for _ in range(3)))
    assert Network("pyramid", down, GREY).default_layer == "1"
    assert Network("chosen", Branchy(), GREY, default_layer="left").default_layer == "left"


def test_bfloat16_agrees_with_float32(network, picture):
    exact = PreparedNetwork(network).record(picture, ["right"])["right"]
    rough = PreparedNetwork(network, "cpu", "bfloat16").record(picture, ["right"])["right"].float()
    assert (rough - exact).norm() < 0.02 * exact.norm()


def test_other_modules_run_under_autocast(picture):
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LocalResponseNorm(3), nn.Conv2d(4, 1, 1))
    recorded = PreparedNetwork(Network("lrn", net, GREY), "cpu", "bfloat16").record(picture, ["2"])["2"]
    assert recorded.dtype == torch.bfloat16
    assert recorded.isfinite().all()


def test_precisions_and_devices_are_resolved():
    assert resolve_precision("float32", "cpu") == "float32"
    assert resolve_precision("auto", "mps") == "float32"
    assert resolve_precision("auto", "cpu") in ("float32", "bfloat16")
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in ("cpu", "cuda", "mps")
    with raises("unknown-name"):
        resolve_precision("float16")
    with raises("not-found"):
        resolve_device("tpu")
    if not torch.cuda.is_available():
        with raises("not-found"):
            resolve_device("cuda:1")


def test_auto_uses_bfloat16_if_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    for has_it, precision in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has_it=has_it: has_it, raising=False)
        assert resolve_precision("auto", "cpu") == precision
