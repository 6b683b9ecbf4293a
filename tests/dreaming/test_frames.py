"""Frames of a film, collected from states."""

import numpy as np

import small_networks
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.frames import FilmRecorder
from seisdream.seismic.sections import make_section


def recorded(section, **settings):
    run = Dream(section, small_networks.pooled_network(), octaves=2, jitter=2, **settings)
    recorder = FilmRecorder(run)
    for state in run.states():
        recorder.record(state)
    return run, recorder.frames


def section(rows=120, columns=140):
    return make_section(np.random.default_rng(0).normal(size=(rows, columns)), dt_ms=4.0)


def test_a_film_begins_with_the_input_and_ends_with_the_dream():
    run, (frames,) = recorded(section(), steps=3)
    assert len(frames) == 1 + run.n_states
    assert all(frame.shape == (120, 140, 3) and frame.dtype == np.uint8 for frame in frames)
    grey = run.mapping.to_grey(section().values).clip(0, 255)
    np.testing.assert_array_equal(frames[0][..., 0], np.rint(grey).astype(np.uint8))
    is_inside = (grey > 0) & (grey < 255)
    last, kept = frames[-1][..., 0].astype(int), run.result().level_images[-1]
    assert np.abs(last - kept)[is_inside].max() <= 1


def test_a_long_dream_has_frames_at_even_moments_and_at_the_end_of_each_level(monkeypatch):
    monkeypatch.setattr("seisdream.dreaming.frames.N_FRAMES", 4)
    _, (frames,) = recorded(section(), steps=5, levels=2)
    assert len(frames) == 1 + 4, "after 5, 10, 15 and 20 of 20 steps"


def test_large_frames_are_made_smaller(monkeypatch):
    monkeypatch.setattr("seisdream.dreaming.frames.MAX_SIDE", 70)
    _, (frames,) = recorded(section(), steps=1)
    assert frames[0].shape == (60, 70, 3)


def test_each_variant_has_a_film_of_its_own():
    _, films = recorded(section(), steps=1, variants=2)
    assert len(films) == 2
    np.testing.assert_array_equal(films[0][0], films[1][0])
    assert not np.array_equal(films[0][-1], films[1][-1])
