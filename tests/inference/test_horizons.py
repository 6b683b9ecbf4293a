"""Maps in stratigraphic order are the most probable ones in that order, and their horizons are found."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import raises
from seisdream.inference.class_maps import ABSENT_CLASS
from seisdream.inference.horizons import extract_horizons, viterbi_monotone
from seisdream.inference.predict import predict
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.seismic.sections import make_section
from trained_files import make_unet

GREY = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))
NAMES = ("upper", "middle", "lower", "basement")


def network(**words):
    return Network("u", make_unet(), GREY, classes=NAMES, class_layer="logits", **words)


def noise(n_rows=60, n_columns=40):
    return make_section(np.random.default_rng(0).normal(size=(n_rows, n_columns)), dt_ms=4.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(1, 6))
def test_no_other_map_in_order_is_more_probable(seed, n_classes, n_samples):
    shares = np.random.default_rng(seed).dirichlet(np.ones(n_classes), (n_samples, 3)).transpose(2, 0, 1)
    found = viterbi_monotone(shares)
    assert (np.diff(found.astype(int), axis=0) >= 0).all()
    rows = np.arange(n_samples)
    for trace in range(3):
        logarithms = np.log(np.maximum(shares[:, :, trace], 1e-4))
        best = max(
            logarithms[list(way), rows].sum()
            for way in itertools.combinations_with_replacement(range(n_classes), n_samples)
        )
        assert logarithms[found[:, trace], rows].sum() == pytest.approx(best)


def test_a_map_in_order_is_not_changed_and_absent_samples_do_not_count():
    shares = np.full((3, 6, 1), 0.05)
    shares[[0, 0, 1, 1, 2, 2], range(6), 0] = 0.9
    assert viterbi_monotone(shares).ravel().tolist() == [0, 0, 1, 1, 2, 2]
    shares[:, 3] = np.nan
    assert viterbi_monotone(shares).ravel().tolist() in ([0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 2, 2])


def test_a_horizon_is_the_first_sample_of_its_interval():
    classes = np.array([[0, 0, 1, 255], [0, 2, 1, 0], [1, 2, 1, 2], [2, 2, 1, 255]], np.uint8)
    tops = extract_horizons(classes, 3, np.array([0.0, 4.0, 8.0, 12.0]))
    expected = [[8.0, 4.0, np.nan, 8.0], [12.0, 4.0, np.nan, 8.0]]
    np.testing.assert_array_equal(tops, np.array(expected, np.float32))


def test_a_network_of_ordered_classes_keeps_their_order():
    section = noise()
    as_it_is, ordered = predict(section, network()), predict(section, network(is_ordered=True))
    np.testing.assert_array_equal(ordered.probabilities, as_it_is.probabilities)
    assert "horizons" not in as_it_is
    assert (as_it_is.attrs["stratigraphic_order"], ordered.attrs["stratigraphic_order"]) == ("any", "down")
    assert (np.diff(as_it_is.classes.astype(int), axis=0) < 0).any()
    assert (np.diff(ordered.classes.astype(int), axis=0) >= 0).all()
    assert ordered.horizons.dims == ("horizon", "trace")
    assert ordered.horizon.values.tolist() == list(NAMES[1:])
    known = np.nan_to_num(ordered.horizons.values)
    assert (np.diff(known, axis=0)[np.isfinite(ordered.horizons.values[1:])] >= 0).all()


def test_the_order_can_be_set_or_ignored():
    section = noise()
    ordered, free = (
        predict(section, network(), stratigraphic_order="down"),
        predict(section, network(is_ordered=True), stratigraphic_order="any"),
    )
    assert (np.diff(ordered.classes.astype(int), axis=0) >= 0).all()
    np.testing.assert_array_equal(free.classes, free.probabilities.argmax("class"))
    assert "horizons" not in free
    with raises("out-of-range", "stratigraphic_order"):
        predict(section, network(), stratigraphic_order="up")


def test_absent_samples_stay_absent():
    section = noise()
    section[:, :5] = np.nan
    prediction = predict(section, network(is_ordered=True))
    assert (prediction.classes[:, :5] == ABSENT_CLASS).all()
    assert (prediction.classes[:, 5:] < ABSENT_CLASS).all()
    assert np.isnan(prediction.horizons[:, :5]).all()


def test_a_time_slice_has_no_order():
    values = np.random.default_rng(0).normal(size=(60, 40))
    section = make_section(values, dims=("inline", "crossline"))
    assert predict(section, network(is_ordered=True)).attrs["stratigraphic_order"] == "any"
    with raises("incompatible", "stratigraphic_order"):
        predict(section, network(), stratigraphic_order="down")
