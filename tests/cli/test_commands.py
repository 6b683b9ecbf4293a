"""The command and the Python code of a result repeat it exactly."""

import shlex

import numpy as np
import pytest

import seisdream as sd
from seisdream.results.commands import command_of, python_of


def _repeated_by_python(provenance, monkeypatch, folder):
    folder.mkdir()
    monkeypatch.chdir(folder)
    exec(compile(python_of(provenance), "result.py", "exec"), {})
    return folder


def _repeated_by_command(provenance, seisdream, folder):
    words = shlex.split(command_of(provenance))
    code, _, err = seisdream(*words[1:], "--out", folder, "--quiet")
    assert code == 0, err
    return folder


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"octaves": 2, "steps": 2, "seed": 3}, marks=pytest.mark.slow),
        {
            "octaves": 1,
            "steps": 1,
            "levels": 2,
            "mask": "time=16:80,trace=2:22",
            "clip": False,
            "layer": "-stage1/rectified:3",
        },
        pytest.param(
            {"octaves": 1, "steps": 1, "transforms": {"gain": 0.2, "shear": 0.02}, "preset": "2015", "jitter": 2},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"octaves": 1, "steps": 1, "parameterization": "bandlimited", "band": (8.0, 12.5, 60.0, 80.0)},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_command_and_python_of_a_dream_repeat_its_samples(settings, seisdream, monkeypatch, tmp_path, array):
    given = sd.DreamSettings(input=str(array), input_options={"dt_ms": 4.0}, network="gabor", **settings)
    result = sd.Dream.from_settings(given).run().result()
    by_command = _repeated_by_command(result.provenance, seisdream, tmp_path / "command")
    by_python = _repeated_by_python(result.provenance, monkeypatch, tmp_path / "python") / "dream"
    for folder in (by_command, by_python):
        np.testing.assert_array_equal(np.load(folder / "dream.npy"), result.dream.values)


@pytest.mark.slow
def test_command_and_python_of_a_prediction_repeat_it(seisdream, monkeypatch, tmp_path, array):
    section = sd.open_section(array, dt_ms=4.0)
    prediction = sd.predict(section, "facies", augmentations=1, as_is=True)
    prediction.seisdream.save(tmp_path / "first")
    provenance = sd.load_result(tmp_path / "first").provenance
    by_command = _repeated_by_command(provenance, seisdream, tmp_path / "command")
    by_python = _repeated_by_python(provenance, monkeypatch, tmp_path / "python") / "prediction"
    for folder in (by_command, by_python):
        for name in ("classes", "probabilities"):
            np.testing.assert_array_equal(sd.load_result(folder).dataset[name], prediction[name])


@pytest.mark.slow
def test_command_and_python_of_an_attribution_repeat_it(seisdream, monkeypatch, tmp_path, array):
    section = sd.open_section(array, dt_ms=4.0)
    attribution = sd.attribute(section, "facies", "class:salt", at=(40, 160), method="occlusion", patch=(40, 40))
    attribution.seisdream.save(tmp_path / "first")
    provenance = sd.load_result(tmp_path / "first").provenance
    by_command = _repeated_by_command(provenance, seisdream, tmp_path / "command")
    by_python = _repeated_by_python(provenance, monkeypatch, tmp_path / "python") / "attribution"
    for folder in (by_command, by_python):
        np.testing.assert_array_equal(sd.load_result(folder).dataset["attribution"], attribution)


@pytest.mark.slow
def test_command_and_python_of_controls_repeat_them(seisdream, monkeypatch, tmp_path, array):
    section = sd.open_section(array, dt_ms=4.0)
    settings = {"measure": "activation", "surrogates": 4, "others": False, "random": 0, "layer": "stage1/rectified"}
    result = sd.controls(section, "gabor", **settings)
    by_command = _repeated_by_command(result.provenance, seisdream, tmp_path / "command")
    by_python = _repeated_by_python(result.provenance, monkeypatch, tmp_path / "python") / "controls"
    measured = result.provenance["result"]["measures"]
    for folder in (by_command, by_python):
        assert sd.load_result(folder).provenance["result"]["measures"] == measured
