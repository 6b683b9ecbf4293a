"""Generated earths by number: repeatable in any process, cached or not."""

import multiprocessing
import pickle
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest

from errors import raises
from seisdream.data.sample import UNKNOWN
from seisdream.data.synthetic_stream import (
    FAULTED_EARTHS,
    SHIFTS,
    GeneratedEarths,
    GeneratedFaults,
    fault_labels,
    shifted_settings,
)
from seisdream.synthetic import FACIES, EarthSettings, make_earth

SIZE = 48


def earths(seed=5, n=6, **options):
    return GeneratedEarths(seed, n, **({"size": SIZE} | options))


def same(one, other):
    return all(
        np.array_equal(*(np.asarray(getattr(sample, field.name)) for sample in (one, other)), equal_nan=True)
        if getattr(one, field.name) is not None
        else getattr(other, field.name) is None
        for field in fields(one)
    )


def test_a_sample_is_the_earth_of_its_number():
    data = earths(augmentation=None)
    child = int(np.random.SeedSequence([5, 2]).generate_state(1)[0])
    earth, sample = make_earth(child, n_samples=SIZE, n_traces=SIZE), data[2]
    assert sample.image.shape == (1, SIZE, SIZE)
    seismic = earth.seismic.values
    expected = np.clip(seismic / np.percentile(np.abs(seismic), 99), -1, 1)
    np.testing.assert_allclose(sample.image[0], expected, atol=2e-3)  # Kept in half precision.
    assert np.array_equal(sample.classes, earth.facies)
    assert np.array_equal(sample.fault, earth.fault)
    assert sample.position is None
    assert data.classes == tuple(facies.name for facies in FACIES)
    assert len(data.colours) == len(FACIES)


def test_samples_are_clipped_without_augmentation_too():
    for quantity in ("seismic", "impedance"):
        sample = earths(augmentation=None, quantity=quantity)[0]
        assert np.abs(sample.image).max() == 1.0


def test_samples_start_over_after_the_last_earth_with_another_augmentation():
    data, plain = earths(), earths(augmentation=None)
    assert same(plain[1], plain[7])
    assert not same(data[1], data[7])
    assert len(data) == 6


def test_without_a_number_of_earths_there_is_no_end():
    data = GeneratedEarths(5, size=SIZE, augmentation=None)
    assert len(data) == 2**31
    assert not same(data[0], data[6])
    assert same(data[1], earths(augmentation=None)[1])


def test_samples_are_repeatable_in_any_order(tmp_path):
    plain = [earths()[number] for number in range(8)]
    stored = earths(folder=tmp_path)
    for number in (7, 0, 3, 1, 0, 6, 2, 5, 4):  # The first time, and from the store.
        assert same(stored[number], plain[number])
    again = earths(folder=tmp_path)
    assert all(same(again[number], plain[number]) for number in range(8))


def test_stored_earths_are_not_made_again(tmp_path, monkeypatch):
    first = earths(folder=tmp_path)[3]
    monkeypatch.setattr(GeneratedEarths, "earth", lambda *_: pytest.fail("made again"))
    assert same(earths(folder=tmp_path)[3], first)


def test_another_seed_setting_or_size_has_other_earths_and_its_own_store(tmp_path):
    several = [
        earths(folder=tmp_path),
        earths(6, folder=tmp_path),
        earths(folder=tmp_path, settings=EarthSettings(salt=1.0)),
        earths(folder=tmp_path, size=64),
    ]
    samples = [data[0] for data in several]
    assert not any(same(samples[0], sample) for sample in samples[1:3])
    assert len(list(tmp_path.iterdir())) == 4
    # Both quantities of an earth share a store.
    assert earths(folder=tmp_path, quantity="impedance")[0].classes.shape == (SIZE, SIZE)
    assert len(list(tmp_path.iterdir())) == 4


def test_no_two_seeds_share_an_earth():
    numbers = [
        int(np.random.SeedSequence([seed, which]).generate_state(1)[0]) for seed in (1, 2) for which in range(3000)
    ]
    assert len(set(numbers)) >= len(numbers) - 2


def test_relative_impedance_has_no_trend_and_unit_variance():
    data = earths(quantity="impedance", augmentation=None)
    sample = data[1]
    child = int(np.random.SeedSequence([5, 1]).generate_state(1)[0])
    log = np.log(make_earth(child, n_samples=SIZE, n_traces=SIZE).impedance.values)
    rows = np.linspace(-1, 1, SIZE)[:, None]
    slope = (log * rows).mean() / (rows * rows).mean()
    relative = log - log.mean() - slope * rows
    assert np.corrcoef(sample.impedance.ravel(), relative.ravel())[0, 1] > 0.9999
    expected = np.clip(relative / np.percentile(np.abs(relative), 99), -1, 1)
    np.testing.assert_allclose(sample.image[0], expected, atol=5e-3)
    assert sample.impedance.std() == pytest.approx(1.0, abs=0.01)


def test_dips_are_those_of_the_beds():
    # Beds that are tilted and nothing else: age grows down and along the line, and dip is their ratio.
    quiet = EarthSettings(
        packages=(("parallel", 1.0),), n_faults=(0.0, 0.0), unconformity=0.0, channel=0.0, mass_transport=0.0,
        mound=0.0, salt=0.0, gas=0.0, water=0.0,
    )  # fmt: skip
    data = earths(settings=quiet, augmentation=None)
    child = int(np.random.SeedSequence([5, 0]).generate_state(1)[0])
    age = make_earth(child, n_samples=SIZE, n_traces=SIZE, settings=quiet).relative_geologic_time.values
    row, column = 20, 24
    level = age[row, column]
    followed = [np.interp(level, age[:, trace], np.arange(SIZE)) for trace in (column - 1, column + 1)]
    assert float(data[0].dip[row, column]) == pytest.approx((followed[1] - followed[0]) / 2, abs=0.03)


def test_salt_has_no_dip():
    data = GeneratedEarths(5, size=96, augmentation=None, settings=EarthSettings(salt=1.0))
    sample = next(
        sample for number in range(9) if ((sample := data[number]).classes == data.classes.index("salt")).any()
    )
    assert np.isnan(sample.dip[sample.classes == data.classes.index("salt")]).all()
    assert np.abs(sample.dip[np.isfinite(sample.dip)]).max() <= 4.0


def test_samples_may_be_cubes():
    sample = earths(n=2, size=(32, 16, 32))[0]
    assert sample.image.shape == (1, 32, 16, 32)
    assert sample.classes.shape == sample.dip.shape == sample.fault.shape == (32, 16, 32)


def test_faults_are_labelled_within_a_sample_of_their_planes_where_there_are_beds():
    fault, facies = np.zeros((5, 5, 9), np.uint8), np.zeros((5, 5, 9), np.uint8)
    fault[:, :, 4] = 1
    facies[3:] = [one.name for one in FACIES].index("salt")
    labels = fault_labels(fault, facies)
    assert np.array_equal(labels[0, 0], [0, 0, 0, 1, 1, 1, 0, 0, 0])
    assert np.array_equal(labels[4, 0], [0, 0, 0, UNKNOWN, UNKNOWN, UNKNOWN, 0, 0, 0])


def test_cubes_of_faults_are_cut_from_larger_earths():
    data = GeneratedFaults(5, 3, size=(32, 16, 16), earth_size=(48, 32, 32), settings=FAULTED_EARTHS)
    assert data.earth(0).seismic.shape == (32, 32, 48)
    sample = data[0]
    assert sample.image.shape == (1, 32, 16, 16)
    assert sample.classes.shape == (32, 16, 16)
    assert set(np.unique(sample.classes)) <= {0, 1, UNKNOWN}
    whole = GeneratedFaults(5, size=(48, 32, 32), augmentation=None, settings=FAULTED_EARTHS)
    planes = whole.earth(0).fault.transpose("time", "inline", "crossline").values.astype(bool)
    assert planes.any()
    assert (whole[0].classes[planes] != 0).all()


def test_shifted_earths_differ_in_their_settings():
    assert not same(earths(settings=shifted_settings())[0], earths()[0])
    plain = EarthSettings()
    for name, change in SHIFTS.items():
        settings = shifted_settings(name)
        changed = {one.name for one in fields(settings) if getattr(settings, one.name) != getattr(plain, one.name)}
        assert changed == set(change)
        assert all(getattr(shifted_settings(), field) == value for field, value in change.items())


def test_a_store_with_too_few_earths_is_refused(tmp_path):
    earths(n=3, folder=tmp_path)[0]
    with raises("incompatible"):
        earths(n=4, folder=tmp_path)
    assert same(earths(n=2, folder=tmp_path)[1], earths(n=2)[1])  # A longer one will do.


def test_an_unknown_quantity_is_refused():
    with raises("unknown-name"):
        earths(quantity="velocity")


def ask(folder, numbers, results):
    data = earths(folder=folder)
    results.put([(number, data[number].image) for number in numbers])


@pytest.mark.slow
def test_two_processes_that_begin_together_fill_one_store(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [
        context.Process(target=ask, args=(tmp_path, numbers, results)) for numbers in ([0, 1, 2, 3], [3, 2, 1, 4])
    ]
    for process in processes:
        process.start()
    got = [pair for _ in processes for pair in results.get(timeout=60)]
    for process in processes:
        process.join()
    plain = earths()
    assert all(np.array_equal(image, plain[number].image) for number, image in got)
    (store,) = tmp_path.iterdir()  # One store, and nothing left aside.
    assert np.load(store / "is_written.npy").tolist() == [1, 1, 1, 1, 1, 0]
    stored = earths(folder=tmp_path)
    assert all(np.array_equal(stored[number].image, plain[number].image) for number in range(6))


def test_a_second_process_uses_the_store_of_the_first(tmp_path, monkeypatch):
    # Both found nothing there: the second one's files must not replace what the first writes into.
    first = earths(folder=tmp_path)
    first[0]
    (store,) = tmp_path.iterdir()
    first._store._create()
    assert list(tmp_path.iterdir()) == [store]
    first[2]
    assert np.load(store / "is_written.npy")[2] == 1


def test_a_dataset_is_pickled_without_its_earths(tmp_path):
    data = GeneratedEarths(5, 2000, size=SIZE, folder=tmp_path)
    expected = data[0]
    sent = pickle.dumps(data)
    assert len(sent) < 10_000
    assert same(pickle.loads(sent)[0], expected)


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("seisdream.data.synthetic_stream.shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with raises("too-large"):
        GeneratedEarths(1, 100, size=32, folder=tmp_path)
    assert not any(tmp_path.iterdir())
