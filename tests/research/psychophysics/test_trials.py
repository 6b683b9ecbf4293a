"""The two sections of a trial differ by the target and by noise of known covariance, and by nothing else."""

import numpy as np
import pytest

from errors import raises
from seisdream.research.psychophysics.artefacts import ARTEFACTS
from seisdream.research.psychophysics.targets import TARGETS, Position, Target
from seisdream.research.psychophysics.trials import STREAMS, make_trial, make_trials
from seisdream.synthetic import EarthSettings
from seisdream.synthetic.composition import Composition
from seisdream.synthetic.grid import Grid


@pytest.mark.parametrize("kind", TARGETS)
def test_with_the_same_noise_the_sections_differ_by_the_target_alone(kind):
    trial = make_trial(5, kind, 6.0, artefact="smiles")
    without, with_target = trial.stimulus(False, noise=4), trial.stimulus(True, noise=4)
    # Both sections have an artefact of one kind but of different shape, which is part of the background.
    difference = with_target.section.values - without.section.values - (with_target.background - without.background)
    assert np.abs(difference - trial.signature).max() < 1e-5
    assert with_target.has_target
    assert not without.has_target


@pytest.mark.parametrize("kind", TARGETS)
def test_a_target_is_weak_and_lies_in_its_search_box(kind):
    inside, total, size = 0.0, 0.0, []
    for seed in range(8):
        trial = make_trial(seed, kind, 0.0)
        assert (trial.box[0].stop - trial.box[0].start, trial.box[1].stop - trial.box[1].start) == (64, 64)
        assert trial.background.std() == pytest.approx(1.0)
        power = trial.signature**2
        inside, total = inside + power[trial.box].sum(), total + power.sum()
        size.append(trial.signature.std())
    # Salt lifts the beds beside it and attenuates those below.
    assert inside / total > (0.5 if kind == "salt flank" else 0.8)
    assert 0.05 < np.median(size) < 1.0


def test_inserting_a_body_does_not_change_the_random_streams_of_the_earth():
    class NoBody:
        def deform(self, grid, times_ms):
            return None

        def body(self, grid, times_ms):
            return None

        def gas(self, grid, age_ms):
            return None

    grid = Grid(96, 1, 80, 4.0)
    bare, planted = (Composition(np.random.default_rng(3), grid, EarthSettings(), thing) for thing in (None, NoBody()))
    assert np.array_equal(bare.rock, planted.rock)
    assert np.array_equal(bare.facies, planted.facies)


def test_a_channel_leaves_the_rock_elsewhere_unchanged():
    grid, position = Grid(128, 1, 128, 4.0), Position(256.0, 64.0)
    recipe = EarthSettings(unconformity=0.0, n_faults=(0.0, 0.0), salt=0.0, gas=0.0, channel=0.0)
    rocks = [
        Composition(np.random.default_rng(1), grid, recipe, Target(1, "channel", position, is_present=is_present)).rock
        for is_present in (False, True)
    ]
    changed = np.abs(rocks[1] - rocks[0]) > 0
    rows, columns = np.nonzero(changed)
    assert 50 < changed.sum() < 0.1 * changed.size
    assert np.abs(columns - 64).max() < 26
    assert np.abs(rows - 64).max() < 20


def test_noise_has_the_stated_covariance():
    trial = make_trial(2, "fault", -6.0)
    measured = np.mean([np.abs(np.fft.fft2(trial.draw_noise(n))) ** 2 for n in range(400)], 0) / trial.background.size
    ratio = measured / trial.noise_power
    # The power of one coefficient is exponentially distributed: the mean of 400 has a standard deviation of 1/20.
    assert ratio.mean() == pytest.approx(1.0, abs=0.005)
    assert ratio.std() == pytest.approx(0.05, rel=0.15)
    assert trial.noise_power.mean() == pytest.approx(10**0.6, rel=0.01)


def test_trials_are_reproducible_and_streams_do_not_overlap():
    one, again = (list(make_trials(7, 1, kinds=("fault",), snr_db=(3.0, -3.0))) for _ in range(2))
    assert [trial.snr_db for trial in one] == [3.0, -3.0]
    for trial, other in zip(one, again, strict=True):
        assert np.array_equal(trial.pair()[1].section.values, other.pair()[1].section.values)
    seeds = [trial.seed for stream in STREAMS for trial in make_trials(7, 2, kinds=("fault",), stream=stream)]
    assert len(set(seeds)) == len(seeds)


def test_artefacts_are_as_common_with_the_target_as_without_and_change_the_section():
    trials = list(make_trials(1, 40, kinds=("channel",)))
    fraction = np.mean([[name is not None for name in trial.artefacts] for trial in trials], 0)
    assert np.abs(fraction - 0.5).max() < 0.2
    for kind in ARTEFACTS:
        stimulus = make_trial(3, "fault", 20.0, artefact=kind).stimulus(False)
        change = stimulus.background - make_trial(3, "fault", 20.0, artefact="none").background
        assert 0.05 < change.std() < 1.0, kind
        assert np.abs(change).max() < 6.0


def test_unknown_kinds_are_refused():
    with raises("unknown-name", option="kind"):
        make_trial(0, "faults", 0.0)
    with raises("unknown-name", option="artefact"):
        make_trial(0, "fault", 0.0, artefact="smile")
    with raises("unknown-name", option="stream"):
        list(make_trials(0, 1, stream="exam"))
