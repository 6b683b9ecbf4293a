"""Real lines without labels, several sources in one stream, and labels that do not belong."""

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


def test_the_place_says_which_survey_and_how_deep():
    shallow_to_deep = make_section(np.linspace(-1, 1, 160, dtype=np.float32)[:, None] + np.zeros((160, 90)), dt_ms=4.0)
    data = UnlabelledLines([[section()], [shallow_to_deep]], ("a", "b"), size=64, augmentation=STILL)
    seen = set()
    for number in range(40):
        item = data[number]
        assert (item.classes == UNKNOWN).all()
        assert item.classes.shape == item.position.shape == (64, 64)
        survey = np.unique(item.position // N_DEPTHS)
        assert len(survey) == 1
        seen.add(int(survey[0]))
        if survey[0] == 1:
            # The image itself says how deep: 99 % of its range is -1 to 1.
            depth = (item.image[0, :, 5] * 0.99 + 1) / 2 * 160
            assert np.abs(depth // 10 - (item.position[:, 5] - N_DEPTHS)).max() <= 1
            assert (np.diff(item.position[:, 5].astype(int)) >= 0).all()
    assert seen == {0, 1}
    assert item.fault is None
    assert item.dip is None


def test_surveys_are_equally_frequent_however_many_lines_they_have():
    data = UnlabelledLines([[section(seed=n) for n in range(5)], [section(seed=9)]], ("a",), size=32)
    share = np.mean([data[number].position[0, 0] >= N_DEPTHS for number in range(200)])
    assert 0.4 < share < 0.6


def test_an_unlabelled_item_is_the_same_each_time_and_a_short_line_is_mirrored():
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
    items = [UnlabelledLines([[line]], ("a",), size=160, augmentation=STILL)[0]]
    assert all(np.isfinite(item.image).all() for item in items)
    assert not items[0].image[0, :30].any()


@pytest.mark.parametrize(
    ("surveys", "code"),
    [([], "out-of-range"), ([[]], "invalid"), ([[section()]] * (N_SURVEYS + 1), "out-of-range")],
)
def test_surveys_are_few_and_have_lines(surveys, code):
    with raises(code, option="unlabelled"):
        UnlabelledLines(surveys, ("a",))


def test_a_mixture_keeps_its_shares_and_its_items():
    mixed = MixtureDataset([Numbers(0.0), Numbers(100.0)], [3, 1], seed=1)
    items = [mixed[number] for number in range(2000)]
    second = np.array([item.image[0, 0, 0] >= 100 for item in items])
    assert 0.22 < second.mean() < 0.28
    assert all(item.image[0, 0, 0] % 100 == number % 5 for number, item in enumerate(items))
    assert mixed.classes == ("a", "b")
    assert len(mixed) == 2**31
    assert [item.image[0, 0, 0] for item in items[:50]] == [mixed[number].image[0, 0, 0] for number in range(50)]
    other = MixtureDataset([Numbers(0.0), Numbers(100.0)], [3, 1], seed=2)
    assert [mixed[number].image.max() for number in range(50)] != [other[n].image.max() for n in range(50)]


@pytest.mark.parametrize("shares", [[1.0], [1.0, -1.0], [0.0, 0.0]])
def test_shares_that_make_no_sense_are_refused(shares):
    with raises("out-of-range"):
        MixtureDataset([Numbers(), Numbers()], shares)


def test_what_some_items_do_not_know_is_unknown_in_the_batch():
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


def test_shuffled_labels_belong_to_another_item():
    data = ShuffledLabels(Numbers(), seed=3)
    assert len(data) == 5
    assert data.classes == ("a", "b")
    assert data.colours == ("#000000", "#ffffff")
    others = set()
    for number in range(300):
        item = data[number]
        image, label = int(item.image[0, 0, 0]), int(item.classes[0, 0])
        assert image == number % 5  # Pictures stay where they are, and so does their position.
        assert item.position[0, 0] == 40 + image
        assert label != image  # Never its own, however often the data begin again.
        assert item.fault[0, 0] == item.dip[0, 0] == label  # All that is known comes from one other item.
        others.add((image, label))
    assert len(others) == 20  # All pairs of two.


def test_whose_labels_an_item_has_is_chosen_by_its_number():
    one, same, other = (ShuffledLabels(Numbers(n=1000), seed) for seed in (3, 3, 4))
    assert [one.label_source(number) for number in (9, 3, 7)] == [same.label_source(number) for number in (9, 3, 7)]
    assert [one.label_source(number) for number in range(20)] != [other.label_source(number) for number in range(20)]
    pairs = np.array([(number, one.label_source(number) % 1000) for number in range(1000)])
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.1
    assert ShuffledLabels(Numbers(n=1)).label_source(4) == 4  # There is no other.
