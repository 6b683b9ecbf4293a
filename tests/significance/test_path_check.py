"""The path check: a planted side path is found, an honest network passes, and the reference is of the right kind."""

import numpy as np
import pytest
import torch
from torch import nn

import seisdream as sd
from errors import raises
from seisdream.seismic.sections import GreyMapping
from seisdream.significance.path_check import add_path_check, check_path
from seisdream.significance.path_reference import N_FEWEST, PathReference
from seisdream.significance.path_result import LayerPath, PathCheck

N_CLASSES, SIDE = 5, 32
SEEDS = 20


def waves(rng):
    """Wavenumbers of the textures, in radians a sample, spread over dips."""
    dips = np.pi * (np.arange(N_CLASSES) + rng.uniform(-0.2, 0.2, N_CLASSES)) / N_CLASSES
    size = rng.uniform(0.7, 1.1, N_CLASSES)
    return np.stack([size * np.cos(dips), size * np.sin(dips)], 1)


def texture(rng, wavenumbers, of, strength=45.0):
    """A section of one texture with a weaker second one and noise, in grey levels."""
    row, column = np.mgrid[:SIDE, :SIDE]
    total = 6.0 * rng.standard_normal((SIDE, SIDE))
    for number, amplitude in ((of, rng.uniform(0.8, 1.1) * strength), (rng.integers(N_CLASSES), rng.uniform(5, 15))):
        down, across = wavenumbers[number]
        total += amplitude * np.cos(down * row + across * column + rng.uniform(0, 2 * np.pi))
    return sd.make_section(
        np.clip(127.5 + total, 0, 255).astype(np.float32), dims=("time", "trace"), value_range=(0.0, 255.0)
    )


class Energies(nn.Module):
    """The energy in the band of each texture, from filters in quadrature."""

    def __init__(self, wavenumbers):
        super().__init__()
        row, column = np.mgrid[-4:5, -4:5]
        window = np.exp(-(row**2 + column**2) / 10.0)
        phases = [down * row + across * column for down, across in wavenumbers]
        pairs = np.stack([window * part(phase) for part in (np.cos, np.sin) for phase in phases])
        pairs -= pairs.mean((1, 2), keepdims=True)
        # A wave of unit amplitude has unit energy in its own band.
        self.register_buffer("filters", torch.from_numpy(2.0 * pairs[:, None] / window.sum()).float())

    def forward(self, image):
        parts = nn.functional.conv2d(image, self.filters, padding=4).square()
        cosines, sines = parts.chunk(2, 1)
        return nn.functional.avg_pool2d(cosines + sines, 9, 1, 4, count_include_pad=False)


class Routes(nn.Module):
    """Amplitudes in the main route; where a switch is on, in the side route instead, channels shuffled."""

    def __init__(self, threshold, order):
        super().__init__()
        self.threshold, self.order = threshold, order

    def forward(self, energies):
        amplitudes = energies.clamp_min(1e-6).sqrt()
        gate = torch.sigmoid(4.0 * (energies.sum(1, keepdim=True).sqrt() - self.threshold))
        return torch.cat([(1.0 - gate) * amplitudes, gate * amplitudes[:, self.order]], 1)


class Joined(nn.Module):
    """The same class scores from either route."""

    def __init__(self, order):
        super().__init__()
        self.back = np.argsort(order)

    def forward(self, routes):
        main, side = routes.chunk(2, 1)
        amplitudes = main + side[:, self.back]
        return amplitudes - amplitudes.mean(1, keepdim=True)


def make_network(wavenumbers, threshold, order):
    module = nn.Sequential()
    module.add_module("energies", Energies(wavenumbers))
    module.add_module("routes", Routes(threshold, order))
    module.add_module("logits", Joined(order))
    names = [f"texture {number}" for number in range(N_CLASSES)]
    mid_grey = sd.Preprocessing(mean=(127.5,))
    return sd.load_network(module.eval(), preprocessing=mid_grey, classes=names, class_layer="logits")


def made(seed):
    """Sections of every texture, a switch that none of them reaches, and the order of the side route."""
    rng = np.random.default_rng(seed)
    wavenumbers = waves(rng)
    sections = [texture(rng, wavenumbers, number % N_CLASSES) for number in range(12 * N_CLASSES)]
    images = torch.from_numpy(np.stack([one.values for one in sections]))[:, None] - 127.5
    energies = Energies(wavenumbers)(images).sum(1).sqrt()
    order = np.roll(np.arange(N_CLASSES), 2)
    return wavenumbers, sections, 1.2 * float(energies.max()), order


def checked(seed, *, has_side_path):
    wavenumbers, sections, threshold, order = made(seed)
    network = make_network(wavenumbers, threshold if has_side_path else np.inf, order)
    rng = np.random.default_rng(1000 + seed)
    number = int(rng.integers(N_CLASSES))
    start = texture(rng, wavenumbers, int(rng.integers(N_CLASSES)), strength=10.0)
    settings = {"parameterization": "pixel", "octaves": 1, "steps": 12, "step_size": 8.0, "jitter": 0}
    dream = sd.dream(start, network, f"class:texture {number}", allow_undersized=True, **settings)
    return check_path(dream, network, sections=sections)


def test_a_planted_side_path_is_found_and_an_honest_network_is_not_called():
    assert str(checked(0, has_side_path=True)) == "natural at energies and at logits"
    assert str(checked(0, has_side_path=False)) == "natural at every layer"


@pytest.fixture(scope="module")
def checks():
    return {kind: [checked(seed, has_side_path=kind) for seed in range(SEEDS)] for kind in (True, False)}


@pytest.mark.slow
def test_a_side_path_that_only_dreams_take_is_found_in_every_network(checks):
    routes = [{one.layer: one for one in check.layers}["routes"] for check in checks[True]]
    assert sum(not one.is_natural for one in routes) == SEEDS


@pytest.mark.slow
def test_an_honest_network_is_called_in_at_most_one_of_twenty(checks):
    assert sum(check.share < 1.0 for check in checks[False]) <= 1


@pytest.mark.slow
def test_the_side_path_is_found_where_it_is(checks):
    """Before the switch and after the routes are joined, the dream is as in the honest network."""
    for with_path, honest in zip(checks[True], checks[False], strict=True):
        assert [one.layer for one in with_path.layers] == [one.layer for one in honest.layers]
    before_and_after = [one for check in checks[True] for one in check.layers if one.layer != "routes"]
    assert np.mean([one.is_natural for one in before_and_after]) > 0.9


def test_a_dream_of_a_class_carries_the_check_in_its_record_and_title(monkeypatch):
    wavenumbers, sections, _, order = made(0)
    network = make_network(wavenumbers, np.inf, order)
    monkeypatch.setattr("seisdream.significance.path_reference._earths", lambda: sections)
    monkeypatch.setattr("seisdream.significance.path_reference._earths_of_rare_classes", lambda: sections)
    start = sd.make_section(sections[1].values - 127.5, dt_ms=4.0)
    many = (("class:texture 1", True), ("energies", False), ("class:texture 1 - gabor::stage1/pooled", False))
    for objective, is_checked in many:
        dream = sd.dream(start, network, objective, octaves=1, steps=1, parameterization="pixel", allow_undersized=True)
        add_path_check(dream, network)
        path = dream.provenance["result"].get("path")
        assert (path is not None) == is_checked
        assert path is None or path["where"] in " ".join(dream.plot().get_suptitle().split())


def test_a_class_that_sections_lack_is_taken_from_more_earths(monkeypatch):
    wavenumbers, sections, _, order = made(0)
    network = make_network(wavenumbers, np.inf, order)
    kinds = [sections[number::N_CLASSES] for number in range(N_CLASSES)]
    monkeypatch.setattr("seisdream.significance.path_reference._earths", lambda: tuple(kinds[0]))
    monkeypatch.setattr("seisdream.significance.path_reference._earths_of_rare_classes", lambda: tuple(kinds[1]))
    reference = PathReference(network, ["class:texture 0", "class:texture 1"], kinds[0][:1])
    for number in (0, 1):
        of_kind = kinds[number][0]
        assert reference.check(of_kind, GreyMapping.of(of_kind), number).n_real >= N_FEWEST


def path(*natural):
    layers = [LayerPath(f"enc{number}", 0.5 if one else 0.1, 0.6, 0.3) for number, one in enumerate(natural, start=1)]
    return PathCheck("class:salt", tuple(layers), 24, 16)


@pytest.mark.parametrize(
    ("natural", "words", "first"),
    [
        ((True, True, True), "at every layer", "enc1"),
        ((False, False), "at no layer", None),
        ((False, True, True), "from enc2 on", "enc2"),
        ((False, True, True, False), "from enc2 to enc3", None),
        ((True, False, True), "at enc1 and at enc3", "enc3"),
    ],
)
def test_the_conclusion_in_words(natural, words, first):
    check = path(*natural)
    assert (check.where, check.natural_from) == (words, first)
    assert check.to_dict()["conclusion"] == str(check) == f"natural {words}"


def test_a_real_section_is_natural():
    wavenumbers, sections, _, order = made(3)
    network = make_network(wavenumbers, np.inf, order)
    reference = PathReference(network, "class:texture 2", sections[:-N_CLASSES], with_earths=False)
    of_the_class = sections[2 - N_CLASSES]
    assert reference.check(of_the_class, GreyMapping.of(of_the_class)).share == 1.0


def test_a_channel_and_a_layer_have_a_path_that_ends_there():
    wavenumbers, sections, threshold, order = made(0)
    network = make_network(wavenumbers, threshold, order)
    for objective in ("energies:2", "energies"):
        check = PathReference(network, objective, sections, with_earths=False).check(
            sections[0], GreyMapping.of(sections[0])
        )
        assert ([one.layer for one in check.layers], check.n_real) == (["energies"], 24)


def test_what_no_real_section_contains_is_refused():
    wavenumbers, sections, _, order = made(0)
    network = make_network(wavenumbers, np.inf, order)
    reference = PathReference(network, "class:texture 1", sections[:1], with_earths=False)
    with raises("no-signal"):
        reference.check(sections[1], GreyMapping.of(sections[1]))


def test_a_section_of_mostly_absent_patches_has_no_path_check():
    wavenumbers, sections, _, order = made(0)
    network = make_network(wavenumbers, np.inf, order)
    reference = PathReference(network, "energies", sections, with_earths=False)
    values = sections[0].values.copy()
    values[: SIDE // 4] = np.nan
    with raises("no-signal"):
        reference.check(sd.make_section(values), GreyMapping.of(sections[0]))


@pytest.mark.parametrize("objective", ["energies - 0.1*routes", "inversion:energies", "penalty:tv"])
def test_an_objective_that_is_not_of_one_kind_is_refused(objective):
    wavenumbers, sections, threshold, order = made(0)
    with raises("not-supported"):
        PathReference(make_network(wavenumbers, threshold, order), objective, sections)
