"""Baselines that use no amplitudes predict what can be counted by hand."""

import numpy as np
import pytest

from errors import raises
from seisdream.evaluation.cross_validation import leave_one_block_out
from seisdream.evaluation.dummy_classifiers import fit_depth_only, fit_majority
from seisdream.seismic.sections import UNKNOWN, make_section

NAMES = ("top", "middle", "bottom")


def layered(n_rows=60, n_columns=50, edges=(0.25, 0.6)):
    section = make_section(np.random.default_rng(0).normal(size=(n_rows, n_columns)), dt_ms=4.0)
    depth = (np.arange(n_rows) + 0.5) / n_rows
    labels = np.repeat(np.searchsorted(edges, depth)[:, None], n_columns, axis=1).astype(np.uint8)
    return section, labels


def test_flat_layers_are_predicted_by_depth_alone():
    section, labels = layered()
    scores = leave_one_block_out(section, labels, NAMES, lambda lines: fit_depth_only(lines, 3), guard=5)
    assert scores.pixel_accuracy == 1.0
    assert scores.calibration_error == 0.0


def test_depth_is_relative_so_that_longer_records_fit():
    short, long = layered(60), layered(240)
    predicted = fit_depth_only([short], 3).probabilities(long[0])
    assert predicted.shape == (3, 240, 50)
    assert (predicted.argmax(0) == long[1]).mean() > 0.97


def test_probabilities_are_shares_at_a_depth():
    section, _ = layered(40, 40)
    labels = np.zeros((40, 40), np.uint8)
    labels[10:, 30:] = 1
    labels[20:, :20] = UNKNOWN
    predicted = fit_depth_only([(section, labels)], 2).probabilities(section)
    assert np.allclose(predicted[1, 5], 0.0)
    assert np.allclose(predicted[1, 15], 0.25)
    assert np.allclose(predicted[1, 30], 0.5)
    assert np.allclose(predicted.sum(0), 1.0)


def test_depths_without_labels_take_the_nearest():
    section, labels = layered()
    labels[40:] = UNKNOWN
    labels[:20] = UNKNOWN
    predicted = fit_depth_only([(section, labels)], 3).probabilities(section)
    assert np.array_equal(predicted[:, 59], predicted[:, 39])
    assert np.array_equal(predicted[:, 0], predicted[:, 20])


def test_absent_samples_do_not_count():
    section, labels = layered()
    section.values[:, :40] = np.nan
    labels[:, :40] = 2
    assert (fit_depth_only([(section, labels)], 3).probabilities(section).argmax(0)[:, 45] == labels[:, 45]).all()


def test_the_majority_is_predicted_everywhere_with_its_share():
    section, labels = layered(100)
    predicted = fit_majority([(section, labels)], 3).probabilities(section)
    assert (predicted.argmax(0) == 2).all()
    assert predicted[:, 0, 0] == pytest.approx([0.25, 0.35, 0.4])
    scores = leave_one_block_out(section, labels, NAMES, lambda lines: fit_majority(lines, 3), guard=5)
    assert scores.pixel_accuracy == pytest.approx(0.4)
    assert scores.mean_class_accuracy == pytest.approx(1 / 3)
    assert scores.calibration_error == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("fit", [fit_depth_only, fit_majority])
def test_lines_without_labels_are_refused(fit):
    section, labels = layered()
    with raises("no-labels"):
        fit([(section, np.full_like(labels, UNKNOWN))], 3)


def test_depth_alone_predicts_two_thirds_of_f3(shared):
    with np.load(shared / "data" / "f3_inline362.npz") as arrays:
        section, labels = make_section(arrays["amplitude"], dt_ms=4.0), arrays["interval"]
    names = [str(code) for code in range(10)]
    by_depth = leave_one_block_out(section, labels, names, lambda lines: fit_depth_only(lines, 10))
    majority = leave_one_block_out(section, labels, names, lambda lines: fit_majority(lines, 10))
    assert by_depth.pixel_accuracy == pytest.approx(0.688, abs=0.005)
    assert majority.pixel_accuracy == pytest.approx(0.126, abs=0.005)
