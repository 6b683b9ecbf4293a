"""Every setting works for every kind of input, or is refused by name: nothing is ignored."""

import numpy as np
import pytest

from errors import raises
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.settings import KINDS, DreamSettings
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.zoo.unet import UNet
from small_cubes import write_cube_network, write_volume

WHERE = {"input", "input_options", "network", "weights", "network_options", "concepts"}
BASE = {"octaves": 2, "steps": 2, "jitter": 2, "precision": "float32", "device": "cpu"}
# A value for each setting, and what it needs.
VALUES = {
    "layer": ("class:salt", {}),
    "guide": ("guide.npy", {"layer": "enc1"}),
    "mask": ("time=40:100", {}),
    "objective_mask": ("time=40:100", {"layer": "class:salt"}),
    "preset": ("2015", {}),
    "parameterization": ("phase", {}),
    "spectrum": ("1/f", {"parameterization": "fourier"}),
    "window_ms": (96.0, {"parameterization": "phase"}),
    "band": ((8, 12, 40, 60), {"parameterization": "bandlimited"}),
    "wavelet": ("ricker:30", {"parameterization": "reflectivity"}),
    "bounds": ((1, 14), {"parameterization": "impedance"}),
    "prior": ("none", {"parameterization": "impedance"}),
    "reference_section": ("guide.npy", {"parameterization": "phase"}),
    "constraints": (("histogram",), {}),
    "octaves": (1, {}),
    "octave_scale": (1.2, {}),
    "octave_scale_vertical": (1.0, {}),
    "octave_scale_horizontal": (1.0, {}),
    "allow_undersized": (True, {}),
    "steps": (1, {}),
    "step_size": (2.0, {}),
    "smooth": (1.0, {}),
    "jitter": (1, {}),
    "transforms": ({"gain": 0.5}, {}),
    "boundary": ("wrap", {}),
    "clip": (False, {}),
    "percentile": (90.0, {}),
    "colour": (True, {}),
    "levels": (2, {}),
    "zoom": (0.1, {"levels": 2}),
    "variants": (3, {}),
    "seed": (5, {}),
    "precision": ("auto", {}),
    "device": ("auto", {}),
    "tile": (32, {}),
}
# Settings of how a dream is computed, not of its samples.
WITHOUT_EFFECT = {"allow_undersized", "device", "precision", "tile"}


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """For each kind, settings that name its input and network."""
    folder = tmp_path_factory.mktemp("kinds")
    rng = np.random.default_rng(0)
    np.save(folder / "line.npy", np.cumsum(rng.normal(size=(64, 60)), axis=0))
    np.save(folder / "guide.npy", np.cumsum(rng.normal(size=(64, 60)), axis=1))
    metadata = ModelMetadata("unet", {}, ("a", "salt"), ("#000000", "#ffffff"), default_layer="enc2")
    write_trained(UNet(2, (4, 4)), metadata, folder / "net.safetensors")
    section = {"input": "line.npy", "input_options": {"dt_ms": 4.0}, "network": "net.safetensors"}
    volume, network = write_volume(folder / "volume.sgy").name, write_cube_network(folder / "cubes.safetensors").name
    cube = {"input": volume, "network": network}
    return folder, {"section": section, "variants": {**section, "variants": 2}, "cube": cube}


def run(named, monkeypatch, kind, **settings):
    folder, names = named
    monkeypatch.chdir(folder)
    return Dream.from_settings(DreamSettings(**{**BASE, **names[kind], **settings}))


@pytest.fixture(scope="module")
def plain_dreams():
    """Dreams without the setting under test, by kind and other settings: many settings need the same."""
    return {}


def test_each_setting_has_a_value_here():
    assert set(VALUES) == {one.name for one in DreamSettings.declared()} - WHERE


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "volume"])
@pytest.mark.parametrize("name", VALUES)
def test_a_setting_works_for_a_kind_of_input_or_is_refused_by_name(named, plain_dreams, monkeypatch, kind, name):
    value, needed = VALUES[name]
    (declared,) = (one.declared for one in DreamSettings.declared() if one.name == name)
    if kind in declared.unsupported:
        with raises("not-supported", name):
            run(named, monkeypatch, kind, **{**needed, name: value})
        return
    dreamed = run(named, monkeypatch, kind, **{**needed, name: value}).run().result()
    if value != "auto":
        assert dreamed.provenance["settings"][name] == DreamSettings(**{name: value}).to_dict()[name]
    assert np.isfinite(dreamed.dream.values).all()
    if name not in WITHOUT_EFFECT:
        key = (kind, *needed.items())
        if key not in plain_dreams:
            plain_dreams[key] = run(named, monkeypatch, kind, **needed).run().result().dream
        assert not np.array_equal(dreamed.dream, plain_dreams[key])
