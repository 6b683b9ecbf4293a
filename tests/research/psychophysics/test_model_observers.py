"""Observers: the ideal one reaches its analytic limit, read-outs learn what can be learned."""

import numpy as np
import pytest

from errors import raises
from seisdream.models.registry import load_network
from seisdream.research.psychophysics.model_observers import (
    ATTRIBUTE_FEATURES,
    NetworkFeatures,
    attribute_features,
    fit_read_out,
    ideal_d_prime,
    ideal_score,
)
from seisdream.research.psychophysics.sensitivity import estimate_dprime
from seisdream.research.psychophysics.signal_detection import area_under_roc, d_prime_2afc, proportion_correct_2afc
from seisdream.research.psychophysics.study import (
    CLASS_PROBABILITY,
    IDEAL,
    NETWORK,
    OBSERVERS,
    ROBUST,
    UNTRAINED,
    ObserverPanel,
)
from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.psychophysics.trials import Stimulus, make_trial, make_trials


@pytest.mark.parametrize("kind", ["fault", "channel"])
def test_the_ideal_observer_reaches_its_analytic_limit(kind):
    """Simulated d′ equals sqrt(s' K⁻¹ s); the log-likelihood ratio has means ± d′²/2 and deviation d′."""
    trial = make_trial(4, kind, -14.0, artefact="linear noise")
    limit = ideal_d_prime(trial)
    with_target = np.array([ideal_score(trial, trial.stimulus(True, noise=2 * n)) for n in range(120)])
    without = np.array([ideal_score(trial, trial.stimulus(False, noise=2 * n + 1)) for n in range(120)])
    deviation = np.sqrt(0.5 * (with_target.var() + without.var()))
    assert deviation == pytest.approx(limit, rel=0.1)
    assert (with_target.mean() - without.mean()) / deviation == pytest.approx(limit, rel=0.1)
    assert with_target.mean() == pytest.approx(0.5 * limit**2, rel=0.15)
    assert without.mean() == pytest.approx(-0.5 * limit**2, rel=0.15)


def test_the_analytic_limit_agrees_with_the_inverse_of_the_covariance_matrix():
    """On an area small enough to form K: a circulant matrix with these eigenvalues."""
    trial = make_trial(4, "fault", 0.0)
    power, change = trial.noise_power[::16, ::16], trial.signature[56:64, 56:64]
    n = change.size
    fourier = np.array([np.fft.fft2(unit.reshape(8, 8)).ravel() for unit in np.eye(n)]).T
    covariance = (fourier.conj().T @ np.diag(power.ravel()) @ fourier).real / n
    expected = float(change.ravel() @ np.linalg.solve(covariance, change.ravel()))
    computed = float((np.abs(np.fft.fft2(change)) ** 2 / power).sum() / n)
    assert computed == pytest.approx(expected, rel=1e-6)


def test_doubling_the_noise_halves_the_limit():
    quiet, loud = (ideal_d_prime(make_trial(1, "channel", level)) for level in (0.0, -20.0 * np.log10(2.0)))
    assert quiet / loud == pytest.approx(2.0, rel=1e-6)


def test_attributes_are_named_and_respond_to_a_break():
    trial = make_trial(3, "fault", 30.0, artefact="none")
    features = attribute_features(trial.stimulus(False), trial.box)
    assert len(features) == len(ATTRIBUTE_FEATURES)
    assert np.isfinite(features).all()
    broken = trial.stimulus(False).section.copy()
    broken.values[:, 64:] = np.roll(broken.values[:, 64:], 4, axis=0)
    broken_features = attribute_features(Stimulus(broken, trial.background, False, None), trial.box)
    lowest = ATTRIBUTE_FEATURES.index("semblance, minimum")
    assert broken_features[lowest] < features[lowest]


def test_a_read_out_learns_a_plane_and_is_at_chance_without_a_signal():
    rng = np.random.default_rng(0)
    has_target, pair = np.tile([False, True], 100), np.repeat(np.arange(100), 2)
    kinds = np.where(pair % 2, "fault", "channel")
    features = rng.standard_normal((200, 12))
    features[(kinds == "fault") & has_target, 3] += 2.0
    read_out = fit_read_out(kinds, features, has_target, pair)
    fresh = rng.standard_normal((2000, 12))
    moved = fresh.copy()
    moved[:, 3] += 2.0
    assert area_under_roc(read_out.scores("fault", moved), read_out.scores("fault", fresh)) > 0.88
    other = rng.standard_normal((2000, 12))
    chance = area_under_roc(read_out.scores("channel", other), read_out.scores("channel", fresh))
    assert chance == pytest.approx(0.5, abs=0.04)


def test_a_network_that_is_no_segmentation_network_is_refused():
    with raises("not-supported", option="network"):
        NetworkFeatures(load_network("gabor"))


@pytest.mark.slow
def test_a_panel_responds_to_trials_that_it_was_not_fitted_on():
    fitting = list(make_trials(0, 2, stream="learn", kinds=("salt flank", "fault"), snr_db=(18.0,)))
    panel = ObserverPanel({NETWORK: load_network("facies"), UNTRAINED: load_network("facies@random")}, fitting)
    trials = list(make_trials(0, 2, kinds=("salt flank", "fault"), snr_db=(18.0, -18.0)))
    responses = panel.respond(trials)
    assert set(responses.scores) == set(OBSERVERS) - {ROBUST}
    assert responses.scores[NETWORK].shape == (8, 2)
    assert np.isfinite(responses.scores[NETWORK]).all()
    # A fault is no facies, so the network has no class probability for it.
    assert np.isnan(responses.scores[CLASS_PROBABILITY][responses.kind == "fault"]).all()
    assert len(responses.answered_by(CLASS_PROBABILITY).seed) == 4
    ideal = estimate_dprime(responses, IDEAL, n_bootstrap=20)
    assert ideal["proportion_correct"] == pytest.approx(proportion_correct_2afc(responses.ideal_d_prime).mean())
    assert ideal["proportion_simulated"] == pytest.approx(ideal["proportion_correct"], abs=0.15)
    salt = estimate_dprime(
        responses.select((responses.kind == "salt flank") & (responses.snr_db > 0)), NETWORK, n_bootstrap=20
    )
    assert salt["d_prime"] == pytest.approx(d_prime_2afc(2 * salt["proportion_correct"], 2))
    assert 0.0 <= salt["efficiency"] <= 1.0
    rows = responses.rows()
    assert len(rows) == 16
    assert {row["kind"] for row in rows} == {"salt flank", "fault"} <= set(TARGETS)
