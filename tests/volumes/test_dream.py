"""Dreams of whole volumes: continuous across lines, the same for any workers, resumed where they were interrupted."""

import itertools

import numpy as np
import pytest
import xarray as xr

import seisdream as sd
from errors import raises
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.survey import GivenStepScale, MeasuredStepScale, SurveyPart
from seisdream.seismic.cubes import make_cube
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
    with pytest.raises(KeyboardInterrupt):
        make_dream_job(whole.parent).run(tmp_path / "out", SERIAL, on_event=_interrupt_after(2))
    assert len(verify(tmp_path / "out").missing) == 2
    result = make_dream_job(whole.parent).run(tmp_path / "out", SERIAL)
    assert (result.n_earlier, result.missing) == (2, {})
    assert verify(tmp_path / "out").is_whole
    assert shards_in(tmp_path / "out") == shards_in(whole)


def test_a_dream_of_other_settings_is_never_mixed_in(whole):
    with raises("incompatible", "out"):
        make_dream_job(whole.parent, seed=1).run(whole, SERIAL)


def lag_one(change):
    """Return the mean correlation of the change of each inline with that of the next."""
    lines = change.reshape(len(change), -1)
    return np.mean([np.corrcoef(one, other)[0, 1] for one, other in itertools.pairwise(lines)])


def test_coupled_lines_are_changed_alike(tmp_path):
    volume, changes = make_volume((6, 24, 32)).fillna(0.0), {}
    for coupling in (0.0, 1.0, 16.0):
        job = make_dream_job(tmp_path, volume=volume, how={"block": (6, 1, 1), "coupling": coupling}, clip=False)
        job.run(tmp_path / "out", SERIAL, force=True).require_complete()
        changes[coupling] = (open_job_result(tmp_path / "out").dream - volume)[[0, 1, 3, 4, 5]].values
    assert lag_one(changes[0.0]) < lag_one(changes[1.0]) < lag_one(changes[16.0])
    assert lag_one(changes[16.0]) > 0.95, "nearly one gradient for all"
    assert all(np.abs(one).mean() > 0.01 for one in changes.values())


def test_blocks_of_coupled_lines_whose_halo_is_the_volume_equal_the_whole(tmp_path):
    dreamed = []
    for n_lines in (7, 2):
        job = make_dream_job(tmp_path, how={"block": (n_lines, 1, 1), "coupling": 1.5})
        assert job.plan.reach[0].halo == 6
        job.run(tmp_path / f"{n_lines}", SERIAL).require_complete()
        dreamed.append(open_job_result(tmp_path / f"{n_lines}").dream.values)
    # The first block of two lines has lines up to the seventh and last one around it.
    np.testing.assert_array_equal(dreamed[1][:2], dreamed[0][:2])
    assert np.isnan(dreamed[1][2]).all()


def test_of_both_directions_the_mean_is_written(tmp_path):
    for direction in ("inline", "crossline", "both"):
        how = {"direction": direction, "block": (3, 9, 1)}
        job = make_dream_job(tmp_path, how=how, allow_undersized=True)
        result = job.run(tmp_path / direction, SERIAL)
        result.require_complete()
    assert (result.n_blocks, result.n_earlier) == (3 + 3, 0)
    inlines, crosslines, both = (open_job_result(tmp_path / one).dream for one in ("inline", "crossline", "both"))
    np.testing.assert_allclose(both, (inlines + crosslines) / 2, atol=1e-6)
    assert np.abs(inlines - crosslines).max() > 0.01
    assert verify(tmp_path / "both").is_whole
    assert job.run(tmp_path / "both").n_earlier == 6


def test_a_missing_block_of_either_direction_is_found_and_computed(tmp_path):
    job = make_dream_job(tmp_path, how={"direction": "both", "block": (3, 9, 1)}, allow_undersized=True)
    with pytest.raises(KeyboardInterrupt):
        job.run(tmp_path / "out", SERIAL, on_event=_interrupt_after(4))
    found = verify(tmp_path / "out")
    assert [str(one) for one in found.missing] == ["block 0,1,0", "block 0,2,0"]
    shard = tmp_path / "out" / "inlines" / "dream.zarr" / "dream" / "c" / "1" / "0" / "0"
    shard.unlink()
    assert [str(one) for one in verify(tmp_path / "out").damaged] == ["block 1,0,0 of inlines"]
    assert job.run(tmp_path / "out", SERIAL).n_earlier == 3
    assert verify(tmp_path / "out").is_whole


def _interrupt_after(n_blocks):
    done = []

    def interrupt(event, task, seconds):
        done.append(event)
        if done.count("done") == n_blocks:
            raise KeyboardInterrupt

    return interrupt


@pytest.fixture(scope="module")
def cubes(tmp_path_factory):
    """A dream of a network for cubes in one block, and in eight: job and dream of each, and the amplitudes."""
    folder = tmp_path_factory.mktemp("cubes")
    values = np.cumsum(np.random.default_rng(1).normal(size=(24, 24, 48)), axis=2).astype(np.float32)
    volume, found = sd.open_volume(values - values.mean(axis=2, keepdims=True), dt_ms=4.0), []
    for block in ((24, 24, 48), (12, 12, 24)):
        job = make_dream_job(
            folder, n_dims=3, volume=volume, how={"block": block}, parameterization="fourier", octaves=2
        )
        job.run(folder / str(block[0]), SERIAL).require_complete()
        found.append((job, open_job_result(folder / str(block[0])).dream.values))
    return *found, volume.read()


def test_one_block_is_dreamed_as_the_cube_is_in_memory(cubes):
    (job, dreamed), _, values = cubes
    assert len(job.plan.tasks) == 1
    cube = make_cube(values.transpose(2, 0, 1), dt_ms=4.0)
    alone = Dream(cube, job.network, settings=job.settings, mapping=job.scale.mapping).run().section
    np.testing.assert_allclose(dreamed, alone.values.transpose(1, 2, 0), atol=1e-4)
    assert np.abs(dreamed - values).mean() > 0.01


def test_blocks_of_cubes_have_one_size_and_agree_with_one_block(cubes):
    (_, whole), (job, blocks), values = cubes
    assert len(job.plan.tasks) == 8
    sizes = {tuple(stop - first for first, stop in task.input) for task in job.plan.tasks}
    assert len(sizes) == 1, "so that one step scale holds for all"
    change, other = whole - values, blocks - values
    assert np.corrcoef(change.ravel(), other.ravel())[0, 1] > 0.8
    assert 0.8 < np.linalg.norm(other) / np.linalg.norm(change) < 1.25


def seam_of(folder, **settings):
    """Return settings and notes of a dream in two blocks, and the step of its change at the seam, 1 as elsewhere."""
    n = 48
    along = np.arange(n) / 6
    values = np.cos(along[:, None, None] + along[None, :16, None] + 2 * along[None, None, :32]).astype(np.float32)
    volume = sd.open_volume(values, dt_ms=4.0)
    job = make_dream_job(folder, n_dims=3, volume=volume, how={"block": (n // 2, 16, 32)}, **settings)
    job.run(folder / "out", SERIAL, force=True).require_complete()
    change = open_job_result(folder / "out").dream.values - values
    steps = np.sqrt(np.mean(np.diff(change, axis=0) ** 2, axis=(1, 2)))
    seam = n // 2 - 1
    return job, steps[seam] / np.mean(np.delete(steps, seam))


def test_cubes_in_blocks_have_no_seams_by_default(tmp_path):
    usual = {"octaves": None, "steps": 5}
    job, seam = seam_of(tmp_path, **usual)
    assert (job.kernel.settings.parameterization, job.kernel.settings.octaves) == ("pixel", 1)
    assert "`parameterization=pixel` and `octaves=1`" in job.notes[0]
    assert seam < 1.1
    job, seam_of_fourier = seam_of(tmp_path, preset="seismic", **usual | {"octaves": 3})
    assert (job.kernel.settings.parameterization, job.kernel.settings.octaves) == ("fourier", 3)
    assert seam_of_fourier > 1.2


def test_cubes_in_one_block_are_dreamed_by_the_preset(tmp_path):
    volume = make_volume((12, 12, 24))
    for block, expected in (((12, 12, 24), "fourier"), ((6, 12, 24), "pixel")):
        job = make_dream_job(tmp_path, n_dims=3, volume=volume, how={"block": block})
        assert job.kernel.settings.parameterization == expected
        assert any("in blocks" in note for note in job.notes) == (expected == "pixel")


def test_absent_samples_of_cubes_stay_absent(tmp_path):
    volume = make_volume((12, 12, 24))
    job = make_dream_job(tmp_path, n_dims=3, volume=volume, how={"block": (6, 12, 24)})
    job.run(tmp_path / "out", SERIAL).require_complete()
    dreamed = open_job_result(tmp_path / "out").dream
    np.testing.assert_array_equal(np.isnan(dreamed), np.isnan(volume))
    assert (dreamed != volume).values[[0, 1, 5]].mean() > 0.9


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


def test_an_opened_volume_is_dreamed_and_predicted_in_memory_as_the_cube_it_holds(tmp_path):
    network, values = sd.load_network(str(write_network(tmp_path, n_dims=3))), make_volume().values[3:7, 6:20]
    volume, cube = sd.open_volume(values, dt_ms=4.0), make_cube(values.transpose(2, 0, 1), dt_ms=4.0)
    dreamed = [sd.dream(one, network, "class:salt", **QUICK).dream.values for one in (volume, cube)]
    np.testing.assert_allclose(*dreamed, atol=1e-4)
    predicted = [sd.predict(one, network, augmentations=0).entropy.values for one in (volume, cube)]
    np.testing.assert_allclose(*predicted, atol=1e-4)


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
