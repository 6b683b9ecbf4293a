"""Unlabelled lines, mixtures of datasets, and shuffled labels."""

import numpy as np
import pytest
import torch

from errors import raises
from seisdream.data.augment import Augmentation
from seisdream.data.dataset import MixtureDataset
from seisdream.data.label_permutation import ShuffledLabels
from seisdream.data.sample import UNKNOWN, Sample, collate
from seisdream.data.unlabelled import UnlabelledLines
from seisdream.seismic.sections import make_section
from seisdream.training.auxiliary_heads import N_DEPTHS, N_SURVEYS

STILL = Augmentation(
    flip=0.0, rotation_deg=0.0, shear=0.0, stretch_time=(1.0, 1.0), stretch_trace=(1.0, 1.0), gain=0.0, clip=0.0,
    phase_deg=0.0, band=0.0, noise=0.0, erase=0.0,
)  # fmt: skip


def section(shape=(160, 90), seed=0):
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return make_section(values, dt_ms=4.0)


class Numbers:
    """Items whose image and labels are their number."""

    classes = ("a", "b")
    colours = ("#000000", "#ffffff")

    def __init__(self, name=0.0, n=5):
        self.name, self.n = name, n

    def __len__(self):
        return self.n

    def __getitem__(self, number):
        which = number % self.n
        return Sample(
            np.full((1, 2, 2), self.name + which, np.float32),
            np.full((2, 2), which, np.uint8),
            fault=np.full((2, 2), which, np.uint8),
            dip=np.full((2, 2), which, np.float32),
            position=np.full((2, 2), 40 + which, np.uint8),
        )


def test_the_position_is_survey_and_depth():
    shallow_to_deep = make_section(np.linspace(-1, 1, 160, dtype=np.float32)[:, None] + np.zeros((160, 90)), dt_ms=4.0)
    data = UnlabelledLines([[section()], [shallow_to_deep]], ("a", "b"), size=64, augmentation=STILL)
    seen = set()
    for number in range(40):
        sample = data[number]
        assert (sample.classes == UNKNOWN).all()
        assert sample.classes.shape == sample.position.shape == (64, 64)
        survey = np.unique(sample.position // N_DEPTHS)
        assert len(survey) == 1
        seen.add(int(survey[0]))
        if survey[0] == 1:
            # The image is proportional to depth: 99 % of its range is -1 to 1.
            depth = (sample.image[0, :, 5] * 0.99 + 1) / 2 * 160
            assert np.abs(depth // 10 - (sample.position[:, 5] - N_DEPTHS)).max() <= 1
            assert (np.diff(sample.position[:, 5].astype(int)) >= 0).all()
    assert seen == {0, 1}
    assert sample.fault is None
    assert sample.dip is None


def test_surveys_are_equally_frequent_however_many_lines_they_have():
    data = UnlabelledLines([[section(seed=n) for n in range(5)], [section(seed=9)]], ("a",), size=32)
    share = np.mean([data[number].position[0, 0] >= N_DEPTHS for number in range(200)])
    assert 0.4 < share < 0.6


def test_an_unlabelled_sample_is_repeatable_and_a_short_line_is_mirrored():
    data = UnlabelledLines([[section((40, 30))]], ("a",), 3, size=64)
    one, same, other = data[4], data[4], data[5]
    assert one.image.shape == (1, 64, 64)
    assert np.array_equal(one.image, same.image)
    assert np.array_equal(one.position, same.position)
    assert not np.array_equal(one.image, other.image)
    assert not np.array_equal(one.image, UnlabelledLines([[section((40, 30))]], ("a",), 4, size=64)[4].image)
    assert len(data) == 2**31


def test_absent_samples_of_a_line_are_grey():
    line = section()
    line.values[:30] = np.nan
    samples = [UnlabelledLines([[line]], ("a",), size=160, augmentation=STILL)[0]]
    assert all(np.isfinite(sample.image).all() for sample in samples)
    assert not samples[0].image[0, :30].any()


@pytest.mark.parametrize(
    ("surveys", "code"),
    [([], "out-of-range"), ([[]], "invalid"), ([[section()]] * (N_SURVEYS + 1), "out-of-range")],
)
def test_surveys_are_few_and_have_lines(surveys, code):
    with raises(code, option="unlabelled"):
        UnlabelledLines(surveys, ("a",))


def test_a_mixture_has_its_shares_and_the_samples_of_its_datasets():
    mixed = MixtureDataset([Numbers(0.0), Numbers(100.0)], [3, 1], seed=1)
    samples = [mixed[number] for number in range(2000)]
    second = np.array([sample.image[0, 0, 0] >= 100 for sample in samples])
    assert 0.22 < second.mean() < 0.28
    assert all(sample.image[0, 0, 0] % 100 == number % 5 for number, sample in enumerate(samples))
    assert mixed.classes == ("a", "b")
    assert len(mixed) == 2**31
    assert [sample.image[0, 0, 0] for sample in samples[:50]] == [mixed[number].image[0, 0, 0] for number in range(50)]
    other = MixtureDataset([Numbers(0.0), Numbers(100.0)], [3, 1], seed=2)
    assert [mixed[number].image.max() for number in range(50)] != [other[n].image.max() for n in range(50)]


@pytest.mark.parametrize("shares", [[1.0], [1.0, -1.0], [0.0, 0.0]])
def test_invalid_shares_are_refused(shares):
    with raises("out-of-range"):
        MixtureDataset([Numbers(), Numbers()], shares)


def test_missing_quantities_are_unknown_in_the_batch():
    known = Numbers()[1]
    blank = Sample(np.zeros((1, 2, 2), np.float32), np.full((2, 2), UNKNOWN, np.uint8))
    batch = collate([known, blank])
    assert batch["image"].shape == (2, 1, 2, 2)
    assert batch["fault"][1].tolist() == [[UNKNOWN] * 2] * 2
    assert batch["position"][1].tolist() == [[UNKNOWN] * 2] * 2
    assert batch["dip"][1].isnan().all()
    assert "impedance" not in batch
    assert torch.equal(batch["dip"][0], torch.ones(2, 2))
    assert set(collate([blank, blank])) == {"image", "classes"}


def test_shuffled_labels_belong_to_another_sample():
    data = ShuffledLabels(Numbers(), seed=3)
    assert len(data) == 5
    assert data.classes == ("a", "b")
    assert data.colours == ("#000000", "#ffffff")
    others = set()
    for number in range(300):
        sample = data[number]
        image, label = int(sample.image[0, 0, 0]), int(sample.classes[0, 0])
        assert image == number % 5  # Pictures stay where they are, and so does their position.
        assert sample.position[0, 0] == 40 + image
        assert label != image  # Never its own, however often the data begin again.
        assert sample.fault[0, 0] == sample.dip[0, 0] == label  # All labels come from one other sample.
        others.add((image, label))
    assert len(others) == 20  # All pairs of two.


def test_the_source_of_shuffled_labels_depends_on_the_number():
    one, same, other = (ShuffledLabels(Numbers(n=1000), seed) for seed in (3, 3, 4))
    assert [one.label_source(number) for number in (9, 3, 7)] == [same.label_source(number) for number in (9, 3, 7)]
    assert [one.label_source(number) for number in range(20)] != [other.label_source(number) for number in range(20)]
    pairs = np.array([(number, one.label_source(number) % 1000) for number in range(1000)])
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.1
    assert ShuffledLabels(Numbers(n=1)).label_source(4) == 4  # There is no other.
