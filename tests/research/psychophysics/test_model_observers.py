"""Observers: the ideal one reaches its formula and none passes it; read-outs learn what can be learned."""

import numpy as np
import pytest

from seisdream.errors import SeisdreamError
from seisdream.models.registry import load_network
from seisdream.research.psychophysics.model_observers import (
    ATTRIBUTES,
    NetworkFeatures,
    attribute_features,
    fit_read_out,
    ideal_d_prime,
    ideal_score,
)
from seisdream.research.psychophysics.signal_detection import area_under_roc, d_prime_2afc, share_correct
from seisdream.research.psychophysics.study import IDEAL, NETWORK, OBSERVERS, WORD, ObserverPanel, measure
from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.psychophysics.trials import make_trial, make_trials


@pytest.mark.parametrize("kind", ["fault", "channel"])
def test_the_ideal_observer_reaches_its_formula(kind):
    """Simulated d′ equals sqrt(s' K⁻¹ s); the log-likelihood ratio has means ± d′²/2 and deviation d′."""
    trial = make_trial(4, kind, -14.0, illusion="crossing noise")
    limit = ideal_d_prime(trial)
    with_target = np.array([ideal_score(trial, trial.show(True, noise=2 * n)) for n in range(120)])
    without = np.array([ideal_score(trial, trial.show(False, noise=2 * n + 1)) for n in range(120)])
    deviation = np.sqrt(0.5 * (with_target.var() + without.var()))
    assert deviation == pytest.approx(limit, rel=0.1)
    assert (with_target.mean() - without.mean()) / deviation == pytest.approx(limit, rel=0.1)
    assert with_target.mean() == pytest.approx(0.5 * limit**2, rel=0.15)
    assert without.mean() == pytest.approx(-0.5 * limit**2, rel=0.15)


def test_the_formula_is_the_inverse_of_the_covariance_itself():
    """On a corner small enough to write K out: a circulant matrix with these eigenvalues."""
    trial = make_trial(4, "fault", 0.0)
    power, change = trial.noise_power[::16, ::16], trial.signature[56:64, 56:64]
    n = change.size
    fourier = np.array([np.fft.fft2(unit.reshape(8, 8)).ravel() for unit in np.eye(n)]).T
    covariance = (fourier.conj().T @ np.diag(power.ravel()) @ fourier).real / n
    told = float(change.ravel() @ np.linalg.solve(covariance, change.ravel()))
    reckoned = float((np.abs(np.fft.fft2(change)) ** 2 / power).sum() / n)
    assert reckoned == pytest.approx(told, rel=1e-6)


def test_doubling_the_noise_halves_the_limit():
    quiet, loud = (ideal_d_prime(make_trial(1, "channel", level)) for level in (0.0, -20.0 * np.log10(2.0)))
    assert quiet / loud == pytest.approx(2.0, rel=1e-6)


def test_attributes_have_their_names_and_feel_a_break():
    trial = make_trial(3, "fault", 30.0, illusion="none")
    features = attribute_features(trial.show(False), trial.box)
    assert len(features) == len(ATTRIBUTES)
    assert np.isfinite(features).all()
    broken = trial.show(False).section.copy()
    broken.values[:, 64:] = np.roll(broken.values[:, 64:], 4, axis=0)
    felt = attribute_features(type(trial.show(False))(broken, trial.without, False, None), trial.box)
    assert felt[ATTRIBUTES.index("semblance, lowest")] < features[ATTRIBUTES.index("semblance, lowest")]


def test_a_read_out_learns_a_plane_and_is_at_chance_where_there_is_nothing():
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


def test_a_network_without_a_map_of_classes_is_refused():
    with pytest.raises(SeisdreamError, match="gabor has no classes for each sample"):
        NetworkFeatures(load_network("gabor"))


def test_a_panel_watches_other_trials_than_it_learned_from():
    learn = list(make_trials(0, 2, stream="learn", kinds=("salt flank", "fault"), snr_db=(18.0,)))
    panel = ObserverPanel(load_network("facies"), load_network("facies@random"), learn)
    trials = list(make_trials(0, 2, kinds=("salt flank", "fault"), snr_db=(18.0, -18.0)))
    watched = panel.watch(trials)
    assert set(watched.scores) == set(OBSERVERS)
    assert watched.scores[NETWORK].shape == (8, 2)
    assert np.isfinite(watched.scores[NETWORK]).all()
    # A fault is no facies, so the network has no word for it.
    assert np.isnan(watched.scores[WORD][watched.kind == "fault"]).all()
    assert len(watched.known(WORD).seed) == 4
    told = measure(watched, IDEAL, n_bootstrap=20)
    assert told["share_correct"] == pytest.approx(share_correct(watched.ideal_d_prime).mean())
    assert told["share_simulated"] == pytest.approx(told["share_correct"], abs=0.15)
    salt = measure(watched.where((watched.kind == "salt flank") & (watched.snr_db > 0)), NETWORK, n_bootstrap=20)
    assert salt["d_prime"] == pytest.approx(d_prime_2afc(2 * salt["share_correct"], 2))
    assert 0.0 <= salt["efficiency"] <= 1.0
    rows = watched.rows()
    assert len(rows) == 16
    assert {row["kind"] for row in rows} == {"salt flank", "fault"} <= set(TARGETS)
