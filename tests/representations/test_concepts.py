"""Concepts of a network whose features are known: directions, importance, maps, dreams and the folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import seisdream as sd
from errors import raises
from seisdream.dreaming.objectives.parser import parse
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from seisdream.plotting.classes import draw_classes
from seisdream.representations.factorise import match_concepts
from seisdream.representations.likeness import labelled_sections
from seisdream.representations.survey import Survey
from seisdream.results.commands import command_of, python_of
from seisdream.results.prediction_writer import prediction_title
from small_cubes import write_cube_network, write_volume
from small_transformers import GREY, VisionTransformer

pytestmark = pytest.mark.drawn

N_FEATURES = 3
EFFECTS = (2.0, -1.0, 0.5)


class Planted(nn.Module):
    """Three features, each on channels of its own, and a class for each that is linear in its feature.

    Peaks, troughs, and samples next to neither: they are never active together.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential()
        self.mix = nn.Conv2d(N_FEATURES, 4 * N_FEATURES, 1, bias=False)
        self.head = nn.Conv2d(4 * N_FEATURES, N_FEATURES, 1, bias=False)
        weights = np.zeros((4 * N_FEATURES, N_FEATURES), np.float32)
        head = np.zeros((N_FEATURES, 4 * N_FEATURES), np.float32)
        for number in range(N_FEATURES):
            weights[4 * number : 4 * number + 4, number] = [1.0, 0.5, 2.0, 0.25]
            head[number, 4 * number] = EFFECTS[number]
        with torch.no_grad():
            self.mix.weight.copy_(torch.from_numpy(weights)[..., None, None])
            self.head.weight.copy_(torch.from_numpy(head)[..., None, None])

    def forward(self, values):
        features = [(values - 0.3).relu(), (-values - 0.3).relu(), (0.2 - values.abs()).relu()]
        return self.head(self.mix(torch.cat(features, 1)))


def planted_network():
    return Network(
        "planted", Planted(), Preprocessing("grey", scale=1 / 127.5, mean=1.0), classes=("peak", "trough", "quiet"),
        class_layer="head", class_activation="sigmoid", default_layer="mix",
    )  # fmt: skip


@pytest.fixture(scope="module")
def section():
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.normal(size=(64, 80)), axis=1).astype(np.float32)
    return sd.make_section(values - values.mean(), dt_ms=4.0)


@pytest.fixture(scope="module")
def found(section):
    return sd.concepts(planted_network(), section, concepts=N_FEATURES)


@pytest.fixture(scope="module")
def folder(found, tmp_path_factory):
    """The concepts as a folder, one of them named by its user."""
    folder = tmp_path_factory.mktemp("concepts") / "planted"
    files = {path.name for path in found.save(folder)}
    assert {"concepts.json", "concepts.csv", "directions.npz", "map.npy", "patches.npy", "dreams.npy"} <= files
    of_random = {"map", "patches", "dreams", "importance", "directions"}
    assert {f"random-{name}.npy" for name in of_random} | {
        "figure.png",
        "random.png",
        "random.csv",
        "index.html",
    } <= files
    record = json.loads((folder / "concepts.json").read_text("utf-8"))
    record["concepts"][1]["name"] = "bright spots"
    (folder / "concepts.json").write_text(json.dumps(record), "utf-8")
    return str(folder)


def found_in(prediction):
    return json.loads(prediction.attrs["provenance"])


def features_of(section, network):
    """The three features of a section, ``(feature, time, trace)``, from the layer that carries them."""
    return sd.record_activations(section, network, "mix").values[::4]


def test_planted_features_are_the_concepts(found):
    planted = np.kron(np.eye(N_FEATURES), [1.0, 0.5, 2.0, 0.25])
    assert match_concepts(planted, found.dataset["directions"].values)[1].min() > 0.999
    assert found.provenance["result"]["explained"] > 0.999
    assert found.provenance["result"]["agreement_of_halves"] > 0.999
    assert all(row["halves"] > 0.99 and row["seeds"] > 0.99 for row in found.provenance["concepts"])


def test_maps_and_patches_are_where_the_features_are(found, section):
    features = features_of(section, planted_network())
    for number in range(N_FEATURES):
        feature = features[find(found, number)]
        strength = found.dataset["map"].values[number]
        assert np.corrcoef(feature.ravel(), strength.ravel())[0, 1] > 0.999
    first = found.provenance["concepts"][0]
    at = section.sel(trace=first["patches"][0]["trace"], time=first["patches"][0]["time"])
    row, column = (list(section[dim].values).index(at[dim].item()) for dim in section.dims)
    assert features[find(found, 0)][row, column] > 0


def find(found, number):
    """The feature that a concept is."""
    return int(np.argmax(found.dataset["directions"].values[number])) // 4


def test_importance_is_the_contribution_to_a_linear_class(found, section):
    features = features_of(section, planted_network())
    importance = found.dataset["importance"]
    for number in range(N_FEATURES):
        feature = find(found, number)
        expected = np.zeros(N_FEATURES)
        expected[feature] = EFFECTS[feature] * features[feature].mean()
        np.testing.assert_allclose(importance.values[number], expected, atol=2e-3)


def test_dreams_of_peaks_and_of_troughs_have_them_in_the_middle(found):
    dreams = found.dataset["dreams"].values.astype(float)
    assert dreams.shape[1:] == found.dataset["patches"].shape[2:]
    means = {find(found, number): dreams[number, 11:21, 11:21].mean() for number in range(N_FEATURES)}
    assert means[0] > 127.5 > means[1]


def test_names_travel_into_maps(found, folder, section):
    loaded = sd.load_result(folder)
    assert loaded.names == ["concept 0", "bright spots", "concept 2"]
    np.testing.assert_array_equal(loaded.dataset["directions"], found.dataset["directions"])
    prediction = sd.predict(section, planted_network(), concepts=folder, augmentations=0, as_is=True)
    assert list(prediction["class"].values) == loaded.names
    strengths = found.dataset["map"].values
    clear = strengths.sum(0) > 0.01
    shares = strengths[:, clear] / strengths[:, clear].sum(0)
    np.testing.assert_allclose(prediction["probabilities"].values[:, clear], shares, atol=1e-3)
    np.testing.assert_array_equal(prediction["classes"].values[clear], strengths.argmax(0)[clear])
    figure = draw_classes(section, prediction, title=prediction_title(section, found_in(prediction)))
    assert figure.axes[1].get_title("left") == "Concepts"
    assert figure.get_suptitle() == "concepts of planted"
    legend = figure.legends[0]
    assert legend.get_title().get_text() == "Concept (share of the section)"
    assert any(text.get_text().startswith("bright spots (") for text in legend.get_texts())


def test_a_map_of_concepts_states_the_command_that_repeats_it(folder, section):
    prediction = sd.predict(section, planted_network(), concepts=folder, augmentations=0)
    provenance = found_in(prediction)
    assert f"--concepts={folder}" in command_of(provenance)
    assert f"concepts={folder!r}" in python_of(provenance)
    found = command_of(sd.load_result(folder).provenance)
    assert found.startswith("seisdream concepts planted --data")
    assert "--concepts 3" in found


def test_names_are_changed_in_python_and_differ(folder):
    loaded = sd.load_result(folder)
    loaded.rename({0: "peaks"})
    assert loaded.names == ["peaks", "bright spots", "concept 2"]
    assert loaded.number_of("bright spots") == loaded.number_of("1") == 1
    with raises("invalid"):
        loaded.rename({2: "peaks"})


@pytest.mark.parametrize(("concept", "power"), [("1", 0.0), ("bright spots", 2.0)])
def test_a_dream_of_a_concept_is_one_of_its_direction(found, folder, section, concept, power):
    how = {"octaves": 1, "steps": 2, "jitter": 0, "precision": "float32", "parameterization": "pixel"}
    network = planted_network()
    dreamed = sd.dream(section, network, f"concept:mix/{concept}^{power}", concepts=folder, **how)
    direction = sd.objectives.Direction("mix", power=power, vector=found.dataset["directions"].values[1])
    np.testing.assert_array_equal(dreamed.dream, sd.dream(section, network, direction, **how).dream)
    assert dreamed.settings.layer.startswith(f"direction:mix@{folder}/directions.npz#1")


@pytest.mark.parametrize(
    ("objective", "name", "code"),
    [
        ("concept:mix/0", None, "missing-argument"),
        ("concept:mix/7", "planted", "unknown-name"),
        ("concept:head/0", "planted", "unknown-name"),
        ("concept:mix/0", "nowhere", "not-found"),
        ("concept:mix", "planted", "invalid"),
        ("planted::concept:mix/0", "planted", "not-supported"),
    ],
)
def test_concepts_that_do_not_exist_are_refused(folder, section, objective, name, code):
    concepts = name and str(Path(folder).with_name(name))
    with raises(code):
        sd.dream(section, planted_network(), objective, concepts=concepts, steps=1)


@pytest.mark.parametrize("text", ["concept:enc5/salt", "0.5*concept:inception_4c/output/7^2.0 - 2.0*concept:enc5/1"])
def test_the_text_of_a_concept_is_parsed_to_itself(text):
    assert str(parse(text)) == text
    assert {term.layer for term in parse(text).terms()} <= {"enc5", "inception_4c/output"}


def test_concepts_of_another_network_are_refused(found, section):
    other = planted_network()
    with torch.no_grad():
        other.module.head.weight *= 2.0
    with raises("incompatible"):
        sd.predict(section, other, concepts=found)


def test_a_volume_is_read_line_by_line_once(tmp_path, monkeypatch):
    from seisdream.io.segy import SegyVolume

    volume = write_volume(tmp_path / "volume.sgy", (48, 20, 40), n_dead=4)
    opened = []
    plain = SegyVolume.open
    monkeypatch.setattr(SegyVolume, "open", lambda self, inline: opened.append(inline) or plain(self, inline))
    result = sd.concepts(
        planted_network(), volume, concepts=N_FEATURES, units=400, dreams=False, patches=1
    )  # fmt: skip
    assert result.provenance["result"]["n_lines"] == 20
    assert result.provenance["result"]["n_units"] == 400
    assert len(opened) - len(set(opened)) <= 2 * N_FEATURES + 9  # of both networks, lines of patches and of gradients
    assert {row["patches"][0]["line"].split()[0] for row in result.provenance["concepts"]} == {"inline"}


def test_several_sections_are_one_survey(section):
    result = sd.concepts(planted_network(), [section, section * 2.0], concepts=2, control=False, dreams=False)
    assert result.provenance["result"]["n_lines"] == 2


def test_concepts_of_cubes(tmp_path):
    volume = write_volume(tmp_path / "volume.sgy")
    network = sd.load_network(str(write_cube_network(tmp_path / "cubes.safetensors")))
    result = sd.concepts(network, volume, layer="enc2", concepts=3, control=False)
    assert result.dataset["map"].dims == ("concept", "time", "crossline")
    assert "dreams" not in result.dataset
    result.save(tmp_path / "concepts")
    prediction = sd.predict(volume, network, concepts=tmp_path / "concepts")
    assert prediction["probabilities"].sizes["class"] == 3
    assert prediction["classes"].shape == (14, 16, 32)
    how = {"concepts": str(tmp_path / "concepts"), "octaves": 1, "steps": 1}
    assert np.isfinite(sd.dream(sd.open_volume(volume), network, "concept:enc2/0", **how).dream.values).all()


def test_units_at_the_edge_of_a_cube_are_in_it(tmp_path):
    # The network pads 13 inlines to 16: the last of its units is centred between the 14th and the 15th.
    volume = write_volume(tmp_path / "volume.sgy", size=(32, 13, 16))
    network = sd.load_network(str(write_cube_network(tmp_path / "cubes.safetensors", widths=(4, 4, 4))))
    survey = Survey(volume, PreparedNetwork(network, "cpu"))
    (units,) = survey.sample("enc3", 1000, 0)
    assert len(units) == 8 * 4 * 4
    assert units.positions.min(0).tolist() == [1.5, 1.5, 1.5]
    assert units.positions.max(0).tolist() == [12.0, 29.5, 13.5]
    result = sd.concepts(network, volume, layer="enc3", concepts=2, control=False)
    for row in result.provenance["concepts"]:
        assert row["patches"], "a cube smaller than a patch is one patch"


def test_concepts_of_the_tokens_of_a_transformer(section):
    network = Network("transformer", VisionTransformer(), GREY, dims=2)
    layer = next(name for name in network.layers if name.startswith("blocks.0") and name.endswith("/patches"))
    result = sd.concepts(network, section, layer=layer, concepts=3, control=False, dreams=False)
    assert result.provenance["result"]["is_signed"]
    assert any("negative" in note for note in result.notes)
    assert result.dataset["map"].sizes["concept"] == 3
    prediction = sd.predict(section, network, concepts=result, augmentations=0, as_is=True)
    assert prediction["probabilities"].shape == (3, *section.shape)


def test_a_layer_without_positions_is_refused(section):
    network = Network("transformer", VisionTransformer(), GREY, dims=2)
    layer = next(name for name, info in network.layers.items() if not info.has_positions)
    with raises("not-supported"):
        sd.concepts(network, section, layer=layer)


def test_labels_are_compared_with_concepts(section):
    result = sd.concepts(
        "gabor", section, layer="stage2/rectified", concepts=4, labels="generated", labelled_sections=2, dreams=False
    )  # fmt: skip
    likeness = result.dataset["likeness"]
    assert list(likeness["label"].values)[-1] == "faults"
    assert np.nanmax(likeness.values) <= 1.0
    known = result.provenance["result"]["likeness"]
    assert 0.0 < known["concepts"] < 1.0
    assert 0.0 < known["channels"] < 1.0


@pytest.mark.slow
def test_concepts_of_facies_are_facies_and_those_of_random_weights_are_not():
    sections = [section for section, _ in labelled_sections("generated", 40)]
    found = sd.concepts(
        "facies", sections, layer="enc5", labels="generated", labelled_sections=40, dreams=False
    ).provenance["result"]  # fmt: skip
    likeness = found["likeness"]
    # Measured: 0.55, 0.43 and 0.13; halves agree at 0.86.
    assert likeness["concepts"] >= 0.5
    assert likeness["concepts"] >= likeness["channels"] + 0.05
    assert found["random"]["likeness"]["concepts"] <= 0.2
    assert found["agreement_of_halves"] >= 0.84
