"""Dreams of whole volumes: continuous across lines, the same for any workers, resumed where they were interrupted."""

import numpy as np
import pytest
import xarray as xr

import seisdream as sd
from errors import raises
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.survey import GivenStepScale, MeasuredStepScale, SurveyPart
from seisdream.volumes.run import open_job_result
from seisdream.volumes.settings import ExecutorSettings
from seisdream.volumes.verify import verify
from small_volumes import SHAPE, make_dream_job, make_volume, write_network, write_volume

SERIAL = ExecutorSettings(executor="serial")
QUICK = {"octaves": 1, "steps": 2, "jitter": 2, "device": "cpu"}


def shards_in(folder):
    return {path.relative_to(folder): path.read_bytes() for path in (folder / "dream.zarr").rglob("c/*/*/*")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A job that ran without interruption: its folder."""
    folder = tmp_path_factory.mktemp("whole")
    make_dream_job(folder).run(folder / "out", SERIAL).require_complete()
    return folder / "out"


def same_lines(direction):
    """A volume whose inlines, or crosslines, are all the same."""
    line = make_volume().values[0]
    values = np.stack([line] * 6) if direction == "inline" else np.stack([line] * 9, axis=1)
    return sd.open_volume(values, dt_ms=4.0)


@pytest.mark.parametrize("parameterization", ["fourier", "pixel", "bandlimited"])
@pytest.mark.parametrize("direction", ["inline", "crossline"])
def test_equal_lines_are_dreamed_as_one_of_them_is_alone(tmp_path, direction, parameterization):
    volume, how = same_lines(direction), {"direction": direction, "block": (2, 2, 1)}
    job = make_dream_job(tmp_path, volume=volume, how=how, parameterization=parameterization, octaves=2)
    job.run(tmp_path / "out", SERIAL).require_complete()
    dreamed = open_job_result(tmp_path / "out").dream.transpose(direction, "time", ...).values
    assert np.ptp(dreamed, axis=0).max() == 0
    section = job.kernel.lines.read(0)
    settings = {**QUICK, "octaves": 2, "parameterization": parameterization}
    alone = Dream(section, job.network, "class:salt", mapping=job.scale.mapping, **settings).run().section
    assert np.abs(alone - section).max() > 0.01
    np.testing.assert_allclose(dreamed[0], alone.values, atol=1e-5)


def test_a_step_is_divided_by_the_magnitude_that_is_given(tmp_path):
    section = sd.make_section(make_volume().values[0].T, dt_ms=4.0)
    network, settings = sd.load_network(str(write_network(tmp_path))), {**QUICK, "steps": 1, "clip": False}

    def change(step_scale):
        survey = SurveyPart((-1.0, 1.0), step_scale)
        return (Dream(section, network, "class:salt", survey=survey, **settings).run().section - section).values

    measured = MeasuredStepScale()
    own = change(measured)
    (magnitude,) = measured.magnitudes
    np.testing.assert_array_equal(change(GivenStepScale([magnitude])), own)
    np.testing.assert_allclose(change(GivenStepScale([2 * magnitude])), own / 2, atol=1e-5)
    np.testing.assert_array_equal(change(GivenStepScale([0.0])), own)


def test_absent_samples_stay_absent_and_dead_lines_as_they_are(tmp_path):
    volume = make_volume().fillna(0.0)
    volume[3] = 0.0
    volume[2] = np.nan
    job = make_dream_job(tmp_path, volume=volume)
    job.run(tmp_path / "out", SERIAL).require_complete()
    dreamed = open_job_result(tmp_path / "out").dream
    assert not dreamed[3].any()
    assert np.isnan(dreamed[2]).all()
    assert not dreamed[4, :5].any(), "muted traces"
    assert (dreamed[[0, 1, 4, 5, 6], 5:] != volume[[0, 1, 4, 5, 6], 5:]).mean() > 0.9


def test_an_interrupted_dream_is_continued_and_equals_one_that_ran_through(whole, tmp_path):
    done = []

    def interrupt(event, task):
        done.append(event)
        if done.count("done") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_dream_job(whole.parent).run(tmp_path / "out", SERIAL, on_event=interrupt)
    assert len(verify(tmp_path / "out").missing) == 2
    result = make_dream_job(whole.parent).run(tmp_path / "out", SERIAL)
    assert (result.n_earlier, result.missing) == (2, {})
    assert verify(tmp_path / "out").is_whole
    assert shards_in(tmp_path / "out") == shards_in(whole)


def test_a_dream_of_other_settings_is_never_mixed_in(whole):
    with raises("incompatible", "out"):
        make_dream_job(whole.parent, seed=1).run(whole, SERIAL)


@pytest.mark.slow
def test_two_workers_dream_what_one_does_bit_for_bit(whole, tmp_path):
    result = make_dream_job(whole.parent).run(tmp_path / "out", ExecutorSettings(workers=2, threads=1))
    result.require_complete()
    np.testing.assert_array_equal(open_job_result(tmp_path / "out").dream, open_job_result(whole).dream)


def test_python_returns_the_dream_on_the_coordinates_of_the_volume(tmp_path):
    survey, network = write_volume(tmp_path), str(write_network(tmp_path))
    objective = sd.objectives.ClassLogit("salt")
    volume = sd.dream(survey, network, objective, out=tmp_path / "out", executor="serial", **QUICK)
    xr.testing.assert_equal(volume.inline.drop_attrs(), make_volume().inline)
    assert volume.dream.shape == SHAPE
    assert {"dream.zarr", "dream-slices.png"} <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("guide", "line.npy"),
        ("mask", "time=0:10"),
        ("objective_mask", "time=0:10"),
        ("reference_section", "line.npy"),
        ("colour", True),
        ("zoom", 0.1),
        ("variants", 2),
        ("parameterization", "impedance"),
        ("parameterization", "reflectivity"),
    ],
)
def test_what_does_not_go_with_a_volume_is_refused_by_name(tmp_path, name, value):
    with raises("not-supported", name):
        make_dream_job(tmp_path, **{name: value})


def test_settings_of_predictions_are_refused_by_name(tmp_path):
    with raises("not-supported", "number_format"):
        make_dream_job(tmp_path, how={"number_format": "float32"})
    with raises("not-supported", "mask"):
        sd.dream(make_volume(), str(write_network(tmp_path)), mask=np.ones(SHAPE), out=tmp_path / "out")
