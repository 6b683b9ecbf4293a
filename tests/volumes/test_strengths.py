"""Strengths of concepts as volumes: each section as it is alone, blocks of a cube as the whole, and their SEG-Y."""

import numpy as np
import pytest
import segyio

import seisdream as sd
from errors import raises
from seisdream.inference.recorder import record_activations
from seisdream.representations.concepts import open_concepts
from seisdream.volumes.job import VolumeJob
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.volume import open_volume
from small_cubes import write_volume
from small_volumes import write_network

QUICK = {"augmentations": 0, "device": "cpu", "executor": "serial", "as_is": True}


@pytest.fixture(scope="module", params=[2, 3])
def concepts(request, tmp_path_factory):
    """Return a network for sections or for cubes, and its concepts, on a volume of 14 × 16 traces of 72 samples."""
    folder = tmp_path_factory.mktemp(f"network{request.param}")
    volume = write_volume(folder / "volume.sgy", (72, 14, 16))
    network = sd.load_network(str(write_network(folder, request.param)))
    found = sd.concepts(network, volume, layer="enc2", concepts=3, control=False, dreams=False)
    found.rename({1: "Weak beds"})
    return volume, network, found


def test_strengths_of_a_volume_are_those_of_its_sections_and_cubes(concepts, tmp_path):
    volume, network, found = concepts
    result = sd.predict(
        volume, network, concepts=found, strengths="all", block=(4, 16, 16), out=tmp_path / "out", **QUICK
    )
    names = ["strength_concept_0", "strength_weak_beds", "strength_concept_2"]
    assert set(names) < set(result)
    job = VolumeJob("predict", open_volume(volume), network, sd.PredictionSettings(), VolumeSettings())
    whole, around = open_volume(volume), None
    if network.n_spatial_dims == 2:
        whole, around = job.kernel.lines.read(5), job.kernel.lines.surroundings()
    alone = record_activations(whole, open_concepts(found, network), "enc2", mapping=job.scale.mapping, around=around)
    for name, strength in zip(names, alone, strict=True):
        made = result[name] if network.n_spatial_dims == 3 else result[name].isel(inline=5)
        # Within the outermost units.
        expected = strength.interp({dim: made[dim] for dim in strength.dims}).transpose(*made.dims).values
        inside = np.isfinite(expected)
        assert inside.mean() > 0.7
        np.testing.assert_allclose(made.values[inside], expected[inside], atol=2e-4 * float(expected[inside].max()))
        assert (made >= 0).all()


def test_strengths_that_are_wanted_become_segy_and_maps_of_the_page(concepts, tmp_path):
    volume, network, found = concepts
    result = sd.predict(volume, network, concepts=found, strengths="Weak beds, 0", out=tmp_path / "out", **QUICK)
    written = {path.name for path in (tmp_path / "out").glob("strength*.sgy")}
    assert written == {"strength-weak-beds.sgy", "strength-concept-0.sgy"}
    with segyio.open(tmp_path / "out" / "strength-weak-beds.sgy") as file:
        np.testing.assert_allclose(segyio.cube(file), result.strength_weak_beds, rtol=1e-6)
        assert "PREDICTED BY SEISDREAM" in file.text[0].decode()
    assert '"name": "Strength of Weak beds"' in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize("strengths", ["3", "strong beds"])
def test_a_concept_that_does_not_exist_is_refused(concepts, tmp_path, strengths):
    volume, network, found = concepts
    with raises("unknown-name", "strengths"):
        sd.predict(volume, network, concepts=found, strengths=strengths, out=tmp_path / "out", **QUICK)


def test_strengths_need_concepts(concepts, tmp_path):
    volume, network, _ = concepts
    with raises("incompatible", "strengths"):
        sd.predict(volume, network, strengths="all", out=tmp_path / "out", **QUICK)
