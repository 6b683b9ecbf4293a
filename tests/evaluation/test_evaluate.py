"""Networks are scored on held-out data, compared with baselines."""

import csv
import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import small_networks
import trained_files
from errors import raises
from seisdream.data.benchmarks import BENCHMARKS
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.evaluation.class_map import class_matrix, read_class_map
from seisdream.evaluation.evaluate import (
    METHODS,
    Evaluation,
    evaluate,
    mask_boundaries,
    random_twin,
)
from seisdream.evaluation.scores import HEADLINES
from seisdream.evaluation.test_sets import BASELINE_SEED, HELD_OUT_SEED, EvaluationData, Sections, open_held_out
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
from seisdream.models.zoo.unet import UNet
from seisdream.seismic.sections import UNKNOWN, make_section
from seisdream.synthetic import FACIES

NAMES = ("quiet", "loud")


class Loudness(nn.Module):
    """Distinguishes loud from quiet by the energy around a sample, which is correct on `striped` by construction."""

    def __init__(self):
        super().__init__()
        self.energy = nn.AvgPool2d(5, 1, 2, count_include_pad=False)
        self.logits = nn.Conv2d(1, 2, 1)
        with torch.no_grad():
            self.logits.weight.copy_(torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1) * 20)
            self.logits.bias.copy_(torch.tensor([1.0, -1.0]) * 2)

    def forward(self, values):
        return self.logits(self.energy(values**2))


def loudness_network(classes=NAMES):
    return Network("loudness", Loudness().eval(), Preprocessing("grey", 1 / 127.5, (1.0,)), classes=classes)


def striped(seed):
    """Quiet and loud stripes from left to right: depth does not predict them."""
    rng = np.random.default_rng(seed)
    loud = (np.arange(96) // 16 + seed) % 2
    values = rng.uniform(0.8, 1.0, (48, 96)) * rng.choice([-1, 1], (48, 96)) * np.where(loud, 1.0, 0.1)
    return make_section(values, dt_ms=4.0), np.repeat(loud[None], 48, axis=0).astype(np.uint8)


def stripes(n=3, classes=NAMES, **options):
    def sections(first):
        return Sections([partial(striped, seed) for seed in range(first, first + n)])

    return EvaluationData("stripes", classes, ("#000000", "#ffffff"), sections(10), sections(0), **options)


@pytest.fixture(scope="module")
def unet_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "tiny.safetensors"
    return trained_files.write_unet(
        path, [facies.name for facies in FACIES], [facies.colour for facies in FACIES], widths=(8, 8, 8)
    )


def test_a_correct_network_exceeds_all_baselines():
    seen = []
    evaluation = evaluate(loudness_network(), stripes(), progress=lambda done, total: seen.append((done, total)))
    assert tuple(evaluation.scores) == METHODS
    by_method = {row["method"]: row for row in evaluation.rows()}
    assert by_method["network"]["pixel_accuracy"] > 0.85
    assert by_method["depth only"]["pixel_accuracy"] == pytest.approx(0.5, abs=0.1)
    assert by_method["majority class"]["mean_class_accuracy"] == 0.5
    assert {scores.n_samples for scores in evaluation.scores.values()} == {3 * 48 * 96}, "all on the same samples"
    assert seen[-1] == (len(seen), len(seen)) == (4 * 3 + 3, 15)
    assert all(not math.isnan(row[name]) for row in evaluation.rows() for name in HEADLINES)


def test_without_baselines_only_the_network_is_scored():
    assert tuple(evaluate(loudness_network(), stripes(), baselines=False).scores) == ("network",)


def test_a_note_says_how_sections_are_made_to_fit_the_network():
    class InFives(Loudness):
        def forward(self, values):
            assert all(side % 5 == 0 for side in values.shape[2:])
            return super().forward(values)

    network = Network("fives", InFives().eval(), Preprocessing("grey", 1 / 127.5, (1.0,)), classes=NAMES)
    evaluation = evaluate(network, stripes(1), baselines=False)
    (note,) = evaluation.notes
    assert "50 × 100" in note
    assert evaluation.as_dict()["notes"] == [note]
    assert not evaluate(loudness_network(), stripes(1), baselines=False).notes


def test_a_note_counts_the_sections_that_were_resampled_for_the_network():
    def finer(seed):
        section, labels = striped(seed)
        return make_section(np.repeat(section.values, 2, 0), dt_ms=2.0), np.repeat(labels, 2, 0)

    network = loudness_network()
    # Of samples that are repeated, the mean frequency is 0.17 cycles per sample.
    network.frequencies, network.wavenumbers = (0.2, 0.4), (0.1, 0.4)
    held_out = Sections([partial(finer, 0), partial(finer, 1), partial(striped, 0)])
    data = EvaluationData("stripes", NAMES, ("#000000", "#ffffff"), held_out, held_out)
    (note,) = evaluate(network, data, baselines=False).notes
    assert note.startswith("2 of 3 sections were resampled")
    assert not evaluate(network, data, baselines=False, as_is=True).notes


def test_a_network_without_classes_for_samples_is_probed():
    network = small_networks.pooled_network(3)
    assert tuple(evaluate(network, stripes()).scores) == METHODS[1:]
    alone = evaluate(network, stripes(), baselines=False)
    assert tuple(alone.scores) == ("linear probe",)
    assert alone.main_scores.n_samples


def test_classes_of_other_names_need_a_map():
    data = stripes(classes=("shale", "sand"))
    with raises("incompatible"):
        evaluate(loudness_network(), data)
    mapped = evaluate(loudness_network(), data, class_map={"quiet": "shale", "loud": "sand"}, baselines=False)
    straight = evaluate(loudness_network(), stripes(), baselines=False)
    assert np.array_equal(mapped.main_scores.confusion, straight.main_scores.confusion)
    assert mapped.classes == ("shale", "sand")


def test_classes_are_matched_by_name_in_any_order():
    there = evaluate(loudness_network(), stripes(), baselines=False).main_scores.confusion
    labels = [(section, 1 - labels) for section, labels in stripes().held_out]
    data = EvaluationData("turned", NAMES[::-1], ("", ""), labels, labels)
    assert np.array_equal(evaluate(loudness_network(), data, baselines=False).main_scores.confusion, there[::-1, ::-1])


def test_several_classes_may_map_to_one_and_some_to_none():
    matrix = class_matrix(("a", "b", "c", "d"), ("x", "y"), {"a": "y", "b": "y", "c": None, "d": "x"})
    assert matrix.tolist() == [[0, 0, 0, 1], [1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("class_map", "code"),
    [
        ({"a": "x"}, "incompatible"),
        ({"a": "x", "b": "z"}, "unknown-name"),
        ({"a": "x", "b": "y", "bb": "y"}, "unknown-name"),
        ({"a": None, "b": None}, "incompatible"),
    ],
)
def test_maps_that_do_not_match_are_refused(class_map, code):
    with raises(code, option="class_map"):
        class_matrix(("a", "b"), ("x", "y"), class_map)


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": 1}', None])
def test_invalid_class_map_files_are_refused(tmp_path, text):
    path = tmp_path / "map.json"
    if text is not None:
        path.write_text(text)
    with raises("unreadable"):
        read_class_map(path)
    path.write_text('{"salt": "Zechstein", "channel fill": null}')
    assert read_class_map(path) == {"salt": "Zechstein", "channel fill": None}


def test_generated_data_are_in_no_training_set(unet_file):
    data = open_held_out("generated", 2)
    assert data.classes == GeneratedEarths.classes
    assert len(data.held_out) == 2
    assert len({HELD_OUT_SEED, BASELINE_SEED, 0, 1}) == 4
    (section, labels), _ = data.held_out
    assert section.shape == labels.shape == (256, 256)
    earth = GeneratedEarths(HELD_OUT_SEED, size=256, augmentation=None)[0]
    assert np.array_equal(labels, earth.classes)
    assert np.array_equal(section.values, earth.image[0])
    evaluation = evaluate(load_network(str(unet_file)), data, baselines=False)
    assert evaluation.main_scores.n_samples == 2 * 256 * 256


def test_shifted_and_impedance_data_differ():
    plain, shifted, impedance = (
        next(iter(open_held_out(source, 1).held_out))
        for source in ("generated", "generated:shifted", "generated:impedance")
    )
    assert not np.array_equal(plain[1], shifted[1])
    assert np.array_equal(plain[1], impedance[1])
    assert not np.array_equal(plain[0], impedance[0])


@pytest.mark.parametrize(
    ("source", "n_sections", "code"),
    [
        ("generated:shfted", None, "unknown-name"),
        ("generated", 0, "out-of-range"),
        ("benchmark:f3-facts", None, "unknown-name"),
        ("benchmark:f3-facies/train", None, "incompatible"),
        ("nowhere.npz", None, "not-found"),
    ],
)
def test_missing_data_are_refused(source, n_sections, code, monkeypatch):
    monkeypatch.setattr("seisdream.evaluation.test_sets.open_benchmark", lambda *_, **__: None)
    with raises(code):
        open_held_out(source, n_sections)


def test_lines_are_held_out_in_a_block_and_baselines_are_fitted_to_the_others(shared):
    data = open_held_out(str(shared / "data" / "f3_crosslines_intervals.npz"))
    assert (len(data.held_out), len(data.training)) == (5, 17)
    held_out, learned = (
        {hash(section.values.tobytes()) for section, _ in part} for part in (data.held_out, data.training)
    )
    assert not held_out & learned
    assert len(open_held_out(str(shared / "data" / "f3_crosslines_intervals.npz"), held_out=0.4, guard=0).held_out) == 9
    evaluation = evaluate(small_networks.pooled_network(), data)
    by_method = {row["method"]: row for row in evaluation.rows()}
    assert by_method["depth only"]["pixel_accuracy"] == pytest.approx(0.924, abs=0.01)
    assert by_method["majority class"]["pixel_accuracy"] < 0.2


def miniature_benchmark(folder):
    """The published layout of the F3 facies benchmark, a few lines of each part."""
    rng = np.random.default_rng(0)
    shapes = {"train/train": (14, 20, 32), "test_once/test1": (12, 20, 32), "test_once/test2": (14, 12, 32)}
    for part, shape in shapes.items():
        path = folder / f"{part}_seismic.npy"
        path.parent.mkdir(exist_ok=True, parents=True)
        np.save(path, rng.normal(size=shape))
        np.save(folder / f"{part}_labels.npy", np.broadcast_to(np.arange(32) * 6 // 32, shape).astype(np.uint8))


def test_a_benchmark_is_scored_on_its_test_sets_with_published_scores(tmp_path, monkeypatch):
    from seisdream.data import benchmarks

    miniature_benchmark(tmp_path)
    monkeypatch.setattr(benchmarks, "fetch_benchmark", lambda name, progress: tmp_path)
    data = open_held_out("benchmark:f3-facies")
    assert (data.name, len(data.training), len(data.held_out)) == ("f3-facies test1 and test2", 34, 32 + 26)
    evaluation = evaluate(small_networks.pooled_network(), data)
    published = [row for row in evaluation.rows() if row["method"].startswith("published: ")]
    assert len(published) == len(BENCHMARKS["f3-facies"].published) > 0
    assert 0.5 < published[0]["pixel_accuracy"] < 1
    assert math.isnan(published[0]["calibration_error"])
    assert evaluation.scores["depth only"].pixel_accuracy == 1.0, "its layers are flat here"
    part = open_held_out("benchmark:f3-facies/test1")
    assert (len(part.held_out), part.published) == (32, {}), "published numbers are of both test sets"
    assert len(open_held_out("benchmark:f3-facies", 6).held_out) == 6


def test_the_random_twin_of_a_trained_file_is_its_random_variant(unet_file):
    network = load_network(str(unet_file))
    assert random_twin(network).sha256 == load_network(f"{unet_file}@random").sha256 != network.sha256
    assert random_twin(loudness_network()).name == "loudness@random"


def test_networks_for_cubes_are_refused():
    network = Network("cubes", UNet(2, (4, 4), n_dims=3), Preprocessing("grey"), classes=NAMES, class_layer="logits")
    with raises("not-supported"):
        evaluate(network, stripes())


def test_photographs_are_refused(tmp_path):
    from PIL import Image

    for name in ("granite", "marble"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("L", (32, 32), 100).save(tmp_path / name / f"{number}.png")
    with raises("incompatible"):
        open_held_out(str(tmp_path))


def test_data_without_labels_are_refused():
    section, labels = striped(0)
    data = EvaluationData("blank", NAMES, ("", ""), [], [(section, np.full_like(labels, 255))])
    with raises("no-labels"):
        evaluate(loudness_network(), data, baselines=False)


def test_absent_traces_are_not_scored():
    section, labels = striped(0)
    section.values[:, :20] = np.nan
    evaluation = evaluate(loudness_network(), EvaluationData("gap", NAMES, ("", ""), [], [(section, labels)]),
                          baselines=False)  # fmt: skip
    assert evaluation.main_scores.n_samples == 48 * 76


def test_the_folder_holds_tables_figure_and_json(tmp_path):
    data = stripes(published={"somebody 2019": {"pixel_accuracy": 0.9}}, credit="nobody", licence="CC0")
    evaluation = evaluate(loudness_network(), data)
    files = evaluation.save(tmp_path / "out")
    assert {path.name for path in files} == {"table.csv", "classes.csv", "confusion.png", "scores.json"}
    assert all(path.is_file() for path in files)
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").read_text().splitlines()))
    assert [row["method"] for row in rows] == [*METHODS, "published: somebody 2019"]
    assert list(rows[0]) == ["method", *HEADLINES]
    assert float(rows[0]["mean_iou"]) == pytest.approx(evaluation.main_scores.mean_iou, rel=1e-5)
    assert (rows[-1]["pixel_accuracy"], rows[-1]["mean_iou"]) == ("0.9", "")
    result = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert result["scores"]["network"]["confusion"] == evaluation.main_scores.confusion.tolist()
    assert (result["data"], result["credit"], result["licence"]) == ("stripes", "nobody", "CC0")
    classes = list(csv.DictReader((tmp_path / "out" / "classes.csv").read_text().splitlines()))
    assert len(classes) == len(METHODS) * len(NAMES)
    with raises("exists"):
        evaluation.save(tmp_path / "out")
    evaluation.save(tmp_path / "out", force=True)


def test_metrics_for_metadata_are_json():
    metrics = evaluate(loudness_network(), stripes()).metrics()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert set(metrics["network"]) == {*HEADLINES, "iou"}
    assert set(metrics["depth only"]["iou"]) == set(NAMES)


def test_an_evaluation_names_network_and_data():
    evaluation = evaluate(loudness_network(), stripes(), baselines=False)
    assert isinstance(evaluation, Evaluation)
    assert (evaluation.network, evaluation.data, evaluation.n_sections) == ("loudness", "stripes", 3)
    assert evaluation.network_sha256 == loudness_network().sha256


def test_dead_sections_are_neither_scored_nor_counted():
    good = striped(0)
    dead = (make_section(np.zeros_like(good[0].values), dt_ms=4.0), good[1])
    sections = Sections([lambda: good, lambda: dead, lambda: dead])
    seen = []
    with pytest.warns(UserWarning, match="left out of the scores"):
        result = evaluate(
            loudness_network(), replace(stripes(), held_out=sections), baselines=False,
            progress=lambda done, total: seen.append((done, total)),
        )  # fmt: skip
    assert result.n_sections == 1
    assert seen[-1] == (3, 3)


def test_samples_near_another_class_can_be_left_out():
    labels = np.zeros((20, 30), np.uint8)
    labels[:, 15:] = 1
    labels[:4] = UNKNOWN
    near = mask_boundaries(labels, 3)
    assert (near[4:, 12:18] == UNKNOWN).all()
    assert (near[4:, :12] == 0).all(), "what is not known makes no boundary"
    assert (near[4:, 18:] == 1).all()
    assert mask_boundaries(labels, 0) is labels
    result = evaluate(loudness_network(), stripes(), baselines=False, margin=4)
    assert result.data == "stripes, 4 off boundaries"
    assert result.main_scores.pixel_accuracy == 1.0
