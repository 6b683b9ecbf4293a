import json
import math
import warnings

import numpy as np
import pytest
import torch
import torchmetrics.classification as oracle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from errors import raises
from seisdream.evaluation.confusion import UNKNOWN, ConfusionCounter
from seisdream.evaluation.scores import HEADLINES, Scores

NAMES = tuple("abcdefghij")


@st.composite
def told_and_true(draw):
    n_classes = draw(st.integers(2, 6))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    labels = st.integers(0, n_classes - 1) | st.just(UNKNOWN)
    true = draw(arrays(np.uint8, shape, elements=labels))
    seed = draw(st.integers(0, 1000))
    logits = np.random.default_rng(seed).normal(0, 3, (shape[0], n_classes, *shape[1:])).astype(np.float32)
    return n_classes, torch.from_numpy(logits), torch.from_numpy(true)


def counted(n_classes, logits, true, **options):
    counter = ConfusionCounter(NAMES[:n_classes], **options)
    for one, labels in zip(logits, true, strict=True):
        counter.update(one[None], labels[None])
    return counter.scores()


@given(told_and_true())
def test_scores_are_those_of_scikit_learn_on_the_samples_themselves(case):
    n_classes, logits, true = case
    scores = counted(*case)
    is_known = (true != UNKNOWN).numpy()
    told, known = logits.argmax(1).numpy()[is_known], true.numpy()[is_known]
    assert scores.n_samples == known.size
    if not known.size:
        assert all(math.isnan(value) for value in scores.headlines().values())
        return
    classes = np.arange(n_classes)
    assert np.array_equal(scores.confusion, metrics.confusion_matrix(known, told, labels=classes))
    seen = np.union1d(known, told)
    assert scores.pixel_accuracy == pytest.approx(metrics.accuracy_score(known, told))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are told and not there
        assert scores.mean_class_accuracy == pytest.approx(metrics.balanced_accuracy_score(known, told))
    for mine, theirs in ((scores.mean_iou, metrics.jaccard_score), (scores.macro_f1, metrics.f1_score)):
        assert mine == pytest.approx(theirs(known, told, labels=seen, average="macro", zero_division=0))
    weighted = metrics.jaccard_score(known, told, labels=seen, average="weighted", zero_division=0)
    assert scores.frequency_weighted_iou == pytest.approx(weighted)
    for values in (scores.iou, scores.f1):
        assert np.array_equal(np.isnan(values), ~np.isin(classes, seen))
    assert np.array_equal(np.isnan(scores.class_accuracy), ~np.isin(classes, known))


@given(told_and_true())
def test_scores_are_those_of_torchmetrics(case):
    n_classes, logits, true = case
    if not (true != UNKNOWN).any():
        return
    scores = counted(*case)
    options = {"num_classes": n_classes, "ignore_index": UNKNOWN}
    true = true.long()
    iou = oracle.MulticlassJaccardIndex(**options, average="macro")(logits, true)
    assert scores.mean_iou == pytest.approx(float(iou), abs=1e-6)
    weighted = oracle.MulticlassJaccardIndex(**options, average="weighted")(logits, true)
    assert scores.frequency_weighted_iou == pytest.approx(float(weighted), abs=1e-6)
    f1 = oracle.MulticlassF1Score(**options, average="none")(logits, true)
    assert np.nan_to_num(scores.f1) == pytest.approx(f1.numpy(), abs=1e-6)
    accuracy = oracle.MulticlassAccuracy(**options, average="micro")(logits, true)
    assert scores.pixel_accuracy == pytest.approx(float(accuracy), abs=1e-6)
    error = oracle.MulticlassCalibrationError(**options, n_bins=15)(logits.softmax(1), true)
    assert scores.calibration_error == pytest.approx(float(error), abs=1e-5)


def test_a_matrix_with_known_answers():
    scores = Scores(("sand", "shale", "salt"), np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]]), 0.25)
    assert scores.pixel_accuracy == 9 / 12
    assert scores.class_accuracy[:2].tolist() == [6 / 8, 3 / 4]
    assert math.isnan(scores.class_accuracy[2])
    assert scores.iou[:2] == pytest.approx([6 / 9, 3 / 6])
    assert scores.mean_iou == pytest.approx((6 / 9 + 3 / 6) / 2), "salt is neither there nor told, and does not count"
    assert scores.frequency_weighted_iou == pytest.approx((8 * 6 / 9 + 4 * 3 / 6) / 12)
    assert scores.f1[:2] == pytest.approx([12 / 15, 6 / 9])
    assert list(scores.headlines()) == list(HEADLINES)
    assert scores.rows()[0] == {"class": "sand", "samples": 8, "accuracy": 0.75, "iou": 6 / 9, "f1": 12 / 15}


def test_a_class_that_is_predicted_but_not_present_counts_as_missed():
    scores = Scores(("a", "b"), np.array([[3, 1], [0, 0]]))
    assert scores.iou.tolist() == [0.75, 0.0]
    assert scores.mean_iou == 0.375
    assert scores.mean_class_accuracy == 0.75


def test_counts_beyond_what_single_precision_holds_are_exact():
    many = 2**40
    scores = Scores(("a", "b"), np.array([[many, 1], [0, many]]))
    assert scores.confusion.sum() == scores.n_samples == 2 * many + 1
    assert scores.pixel_accuracy == 2 * many / (2 * many + 1)


def test_as_dict_is_json_without_nan():
    told = Scores(("a", "b", "c"), np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]])).as_dict()
    again = json.loads(json.dumps(told, allow_nan=False))
    assert again["classes"][2] == {"class": "c", "samples": 0, "accuracy": None, "iou": None, "f1": None}
    assert again["calibration_error"] is None
    assert again["confusion"] == [[3, 1, 0], [0, 2, 0], [0, 0, 0]]


def test_confident_predictions_are_calibrated_if_they_are_correct():
    labels = torch.zeros(1, 10)
    for first, error in ((1.0, 0.0), (0.0, 1.0)):
        counter = ConfusionCounter(("a", "b"))
        counter.update(
            torch.tensor([first, 1 - first]).reshape(1, 2, 1).expand(1, 2, 10), labels, are_probabilities=True
        )
        assert counter.scores().calibration_error == error


def test_a_counter_without_calibration_has_no_calibration_error():
    assert counted(2, torch.randn(1, 2, 3, 3), torch.zeros(1, 3, 3), calibrated=False).calibration_error is None


def test_parts_count_like_the_whole():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(8, 4, 16, generator=generator), torch.randint(0, 4, (8, 16), generator=generator)
    whole = ConfusionCounter(NAMES[:4])
    whole.update(logits, labels)
    parts = counted(4, logits, labels)
    assert np.array_equal(whole.scores().confusion, parts.confusion)
    assert whole.scores().calibration_error == pytest.approx(parts.calibration_error, abs=1e-9)


def test_no_samples_give_no_scores_and_no_warning():
    scores = ConfusionCounter(("a", "b")).scores()
    assert scores.n_samples == 0
    assert math.isnan(scores.mean_iou)
    assert scores.calibration_error is None


def test_labels_and_shapes_that_do_not_fit_are_refused():
    counter = ConfusionCounter(("a", "b"))
    with raises("no-labels"):
        counter.update(torch.zeros(1, 2, 2), torch.tensor([[0, 7]]))
    with raises("wrong-shape"):
        counter.update(torch.zeros(1, 3, 2), torch.tensor([[0, 1]]))


def _random_batch(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, 50, generator=generator), torch.randint(0, 3, (2, 50), generator=generator)


def _count_a_share(rank, shares, address, folder):
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=len(shares))
    counter = ConfusionCounter(NAMES[:3])
    for seed in shares[rank]:
        counter.update(*_random_batch(seed))
    (folder / f"{rank}.json").write_text(json.dumps(counter.scores().as_dict()))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_processes_count_together_even_where_one_has_nothing_to_count(tmp_path):
    shares = ((0, 1), ())
    torch.multiprocessing.spawn(_count_a_share, (shares, f"file://{tmp_path}/meet", tmp_path), len(shares))
    alone = ConfusionCounter(NAMES[:3])
    for seed in (0, 1):
        alone.update(*_random_batch(seed))
    expected = alone.scores().as_dict()
    for rank in range(len(shares)):
        told = json.loads((tmp_path / f"{rank}.json").read_text())
        assert told["confusion"] == expected["confusion"]
        assert told["calibration_error"] == pytest.approx(expected["calibration_error"], abs=1e-9)


def test_memory_does_not_grow_with_the_number_of_samples():
    counter = ConfusionCounter(NAMES[:3])
    counter.update(torch.randn(1, 3, 1000), torch.zeros(1, 1000))
    states = [value for metric in (counter._confusion, counter._calibration) for value in metric.metric_state.values()]
    assert sum(value.numel() for value in states) < 100


def test_gaps_of_parts_add_up_to_the_error_of_the_whole():
    rng = np.random.default_rng(5)
    whole, gaps, n = ConfusionCounter(NAMES[:4]), 0.0, 0
    for _ in range(3):
        logits = torch.from_numpy(rng.normal(0, 2, (1, 4, 9, 7)).astype(np.float32))
        labels = torch.from_numpy(rng.integers(0, 4, (1, 9, 7)))
        part = ConfusionCounter(NAMES[:4])
        for counter in (part, whole):
            counter.update(logits, labels)
        gaps, n = gaps + part.calibration_gaps(), n + labels.numel()
    assert np.abs(gaps).sum() / n == pytest.approx(whole.scores().calibration_error)
    with raises("invalid", "calibrated"):
        ConfusionCounter(NAMES[:4], calibrated=False).calibration_gaps()
