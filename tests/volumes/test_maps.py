"""Attributions and controls of whole volumes: each section as it is alone with the scale of the volume."""

import json
import sys

import numpy as np
import pytest

import seisdream as sd
from errors import raises
from seisdream.attribution.attribute_cube import CubeAttributor
from seisdream.attribution.attributor import Attributor
from seisdream.inference.surroundings import Surroundings
from seisdream.significance.permutation import PermutationTest
from seisdream.volumes.run import open_job_result, run_job
from seisdream.volumes.settings import ExecutorSettings
from seisdream.volumes.verify import verify
from small_volumes import (
    SHAPE,
    make_attribution_job,
    make_controls_job,
    make_volume,
    write_network,
    write_volume,
)

SERIAL = ExecutorSettings(executor="serial")


@pytest.mark.parametrize("direction", ["inline", "crossline"])
def test_each_section_is_explained_as_it_is_alone(tmp_path, direction):
    job = make_attribution_job(tmp_path, layer="class:salt", how={"direction": direction})
    job.run(tmp_path / "out", SERIAL).require_complete()
    volume = open_job_result(tmp_path / "out").attribution
    assert volume.shape == SHAPE
    assert np.isnan(volume[2]).all()
    assert np.isnan(volume[4, :5]).all()
    for position in (0, 4):
        section = job.kernel.lines.read(position)
        alone = Attributor(section, job.network, "class:salt", settings=job.settings, mapping=job.scale.mapping)()
        line = volume.isel({direction: position}).transpose("time", ...)
        np.testing.assert_array_equal(line, alone)
        assert np.nanmax(np.abs(line)) > 0
    assert verify(tmp_path / "out").is_whole


def test_the_class_of_the_middle_section_is_explained_everywhere(tmp_path):
    job = make_attribution_job(tmp_path, how={"block": (4, 1, 1)})
    middle = Attributor(job.kernel.lines.middle, job.network, settings=job.settings, mapping=job.scale.mapping)
    assert job.kernel.settings.layer == middle.target.text
    job.run(tmp_path / "out", SERIAL)
    record = json.loads(open_job_result(tmp_path / "out").attrs["provenance"])
    assert record["result"].items() >= {"target": middle.target.text, "target_score": "logit"}.items()


def test_attributions_of_sections_that_are_not_complete_are_noted_once(tmp_path):
    job = make_attribution_job(tmp_path, layer="class:salt", score="probability", steps=1)
    with pytest.warns(UserWarning, match="Integrated gradients of inline 10") as warned:
        result = job.run(tmp_path / "out", SERIAL)
    assert len(warned) == 1
    measured = result.provenance["result"]
    assert (measured["steps"], measured["completeness_error"] > 0.01) == (1, True)
    assert [note for note in result.provenance["notes"] if "more than 1 `steps`" in note] == [str(warned[0].message)]


def test_an_attribution_without_captum_is_refused_before_its_first_block(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with raises("missing-extra"):
        make_attribution_job(tmp_path)


@pytest.mark.drawn
def test_each_section_is_tested_as_it_is_alone(tmp_path):
    job = make_controls_job(tmp_path, layer="class:salt")
    result = run_job(job, tmp_path / "out", SERIAL)
    volume = open_job_result(tmp_path / "out")
    assert len(job.plan.tasks) == SHAPE[0], "a section takes long, so each is a block"
    assert np.isnan(volume.activation_q[2]).all()
    section = job.kernel.lines.read(4)
    alone = PermutationTest(section, job.network, job.settings, mapping=job.scale.mapping)()
    names = {name: name for name in alone.dataset} | {"dream": "dream_change"}
    assert {*names.values(), "activation_effect_random", "dream_effect_random"} < set(volume)
    for name, stored in names.items():
        np.testing.assert_array_equal(volume[stored][4].values.T, alone.dataset[name])
    present = volume.activation_q.values[np.isfinite(volume.activation_q)]
    assert result.summary["significant"]["activation"] == pytest.approx((present <= 0.05).mean(), abs=1e-6)
    assert (result.folder / "figure.png").is_file()


def test_an_interrupted_run_of_controls_is_continued(tmp_path):
    job, done = make_controls_job(tmp_path, measure="activation", random=0), []

    def interrupt(event, task, seconds):
        done.append(event)
        if done.count("done") == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(tmp_path / "out", SERIAL, on_event=interrupt)
    with raises("incompatible", "out"):
        make_controls_job(tmp_path, measure="activation", random=0, seed=1).run(tmp_path / "out", SERIAL)
    assert job.run(tmp_path / "out", SERIAL).n_earlier == 3


def test_python_writes_attributions_and_controls_of_a_volume(tmp_path):
    survey, network, job = write_volume(tmp_path), str(write_network(tmp_path)), {"executor": "serial", "device": "cpu"}
    salt = sd.attribute(survey, network, "class:salt", method="grad-cam", out=tmp_path / "a", **job)
    assert salt.attribution.shape == SHAPE
    quick = {"measure": "activation", "surrogates": 4, "others": False, "block": 8, "random": 0}
    tested = sd.controls(sd.open_volume(survey), network, "enc1", out=tmp_path / "c", **quick, **job)
    assert {"activation", "activation_effect", "activation_q"} < set(tested)
    assert all((tmp_path / name / "figure.png").is_file() for name in "ac")
    pages = [(tmp_path / name / "index.html").read_text() for name in "ac"]
    assert '"name": "Attribution"' in pages[0]
    assert '"name": "Activation effect"' in pages[1]


@pytest.mark.parametrize("name", ["at", "target_mask"])
def test_points_and_regions_are_refused_for_whole_volumes(tmp_path, name):
    with raises("not-supported", name):
        sd.attribute(make_volume(), "facies", out=tmp_path / "out", **{name: (1, 1)})


def test_what_does_not_go_with_attributions_and_controls_is_refused_by_name(tmp_path):
    with raises("not-supported", "number_format"):
        make_attribution_job(tmp_path, how={"number_format": "float32"})
    with raises("not-supported", "against"):
        sd.controls(make_volume(), "facies", against=["gabor"], out=tmp_path / "out")


def test_each_block_of_a_cube_is_tested_as_it_is_alone(tmp_path):
    volume = make_volume((8, 8, 72))
    job = make_controls_job(tmp_path, n_dims=3, volume=volume, layer="enc1", block=4)
    assert job.plan.grid == (1, 1, 2)
    run_job(job, tmp_path / "out", SERIAL)
    result = open_job_result(tmp_path / "out")
    assert {"activation_q", "dream_change", "dream_effect_random", "stability"} < set(result)
    task, _ = job.plan.tasks
    assert task.input[2][1] > task.output[2][1], "a block is tested with its surroundings"
    cube = volume[:, :, slice(*task.input[2])].transpose("time", "inline", "crossline").assign_attrs(muted="present")
    statistics = job.scale.statistics.mapped(job.scale.mapping.low, job.scale.mapping.units_per_grey)
    around = Surroundings([], lambda number: cube, statistics)
    alone = PermutationTest(cube, job.network, job.settings, mapping=job.scale.mapping, around=around).measure().maps
    own = slice(*task.output[2])
    for name in ("activation", "activation_effect", "dream_q"):
        block = result[name][:, :, own].transpose("time", "inline", "crossline")
        np.testing.assert_array_equal(block, alone[name][own])
    np.testing.assert_array_equal(np.isnan(result.activation_q), np.isnan(volume))


def test_a_planted_event_of_a_cube_exceeds_its_surrogates(tmp_path):
    values = np.random.default_rng(2).normal(size=(24, 24, 48))
    inlines, crosslines, samples = np.mgrid[8:16, 8:16, 16:32]
    values[8:16, 8:16, 16:32] += 4.0 * np.sin(0.8 * samples + 0.3 * inlines - 0.2 * crosslines)
    volume = sd.open_volume(values.astype(np.float32), dt_ms=4.0)
    how = {"measure": "activation", "random": 0, "surrogates": 19}
    job = make_controls_job(tmp_path, n_dims=3, volume=volume, layer="enc1", block=8, **how)
    job.run(tmp_path / "out", SERIAL).require_complete()
    q = open_job_result(tmp_path / "out").activation_q.values
    is_planted = np.zeros(q.shape, bool)
    is_planted[8:16, 8:16, 16:32] = True
    assert (q[10:14, 10:14, 20:28] <= 0.05).all()
    assert (q[~is_planted] <= 0.05).mean() < 0.2


@pytest.mark.parametrize(
    ("name", "value"), [("method", "grad-cam"), ("method", "occlusion"), ("method", "lrp"), ("baseline", "noise")]
)
def test_what_needs_the_whole_volume_is_refused_for_cubes(tmp_path, name, value):
    with raises("not-supported", name):
        make_attribution_job(tmp_path, n_dims=3, **{"steps": None, name: value})


@pytest.mark.filterwarnings("ignore:Integrated gradients differ")
@pytest.mark.parametrize("choice", [{}, {"score": "probability"}, {"baseline": "blurred"}])
def test_blocks_of_an_explained_cube_equal_the_whole_cube(tmp_path, choice):
    values = np.cumsum(np.random.default_rng(1).normal(size=(4, 8, 160)), axis=2).astype(np.float32)
    volume = sd.open_volume(values - values.mean(axis=2, keepdims=True), dt_ms=4.0)
    how = {"block": (4, 8, 32)}
    job = make_attribution_job(tmp_path, n_dims=3, volume=volume, layer="class:salt", how=how, **choice)
    assert max(np.ptp(task.input[2]) for task in job.plan.tasks) < 160, "no block has the whole volume"
    job.run(tmp_path / "out", SERIAL).require_complete()
    blocks = open_job_result(tmp_path / "out").attribution
    whole = CubeAttributor(job.volume, job.network, "class:salt", settings=job.settings)()
    assert np.abs(whole).max() > 0
    np.testing.assert_allclose(blocks, whole, atol=1e-5 * float(np.abs(whole).max()))


def test_points_on_the_path_of_a_cube_are_counted_once_on_its_middle_block(tmp_path):
    volume = make_volume((5, 8, 16))
    job = make_attribution_job(tmp_path, n_dims=3, volume=volume, steps=None, how={"block": (5, 8, 8)})
    assert job.kernel.settings.layer in {"class:a", "class:b", "class:salt"}
    result = job.run(tmp_path / "out", SERIAL)
    measured = result.provenance["result"]
    assert measured["completeness_error"] <= 0.01
    assert measured["steps"] >= 64
    attribution = open_job_result(tmp_path / "out").attribution
    np.testing.assert_array_equal(np.isnan(attribution), np.isnan(volume))
