"""Model cards list data, scores and known failures."""

import re

from errors import raises
from seisdream.evaluation.model_card import make_card, write_card
from seisdream.models.checkpoints import ModelMetadata

METRICS = {
    "generated": {
        "network": {
            "pixel_accuracy": 0.9,
            "mean_iou": 0.71,
            "calibration_error": None,
            "iou": {"salt": 0.9, "chaos": 0.3},
        },
        "depth only": {"pixel_accuracy": 0.2, "mean_iou": 0.1, "iou": {"salt": 0.1, "chaos": None}},
    },
    "generated:shifted": {
        "network": {"pixel_accuracy": 0.5, "mean_iou": 0.2, "iou": {"salt": 0.6, "chaos": 0.7}},
        "depth only": {"pixel_accuracy": 0.5, "mean_iou": 0.3, "iou": {}},
    },
    "something else": {"pixel_accuracy": 0.25, "spread": 3},
}
METADATA = ModelMetadata(
    "unet",
    {"n_classes": 2, "widths": [8, 16], "n_dims": 2},
    ("salt", "chaos|noise"),
    ("#e38fb1", "#8b5a9b"),
    title="Facies of generated earths",
    default_layer="enc2",
    data="4000 generated earths",
    credit="The seisdream developers",
    licence="Apache-2.0",
    metrics=METRICS,
    recipe={"steps": 4000, "learning_rate": 0.002},
)


def parts_of(card):
    return dict(re.findall(r"^## (.+?)\n\n(.*?)(?=^## |\Z)", card, re.DOTALL | re.MULTILINE))


def test_a_card_has_all_parts():
    card = make_card(METADATA, name="facies", preset="facies", failures=["Migration smiles are mistaken for chaos"])
    parts = parts_of(card)
    assert card.startswith("# facies\n\nFacies of generated earths.\n")
    assert list(parts) == [
        *("Architecture", "Training data", "Classes", "Evaluation", "Known failures", "Train it again"),
        "Credit and licence",
    ]
    assert "`[8, 16]`" in parts["Architecture"]
    assert "seisdream predict LINE.sgy --network facies" in parts["Architecture"]
    assert parts["Training data"].strip() == "4000 generated earths."
    assert "| 0 | salt | `#e38fb1` |" in parts["Classes"]
    assert "seisdream train --preset facies" in parts["Train it again"]
    assert '"steps": 4000' in parts["Train it again"]
    assert "Apache-2.0" in parts["Credit and licence"]


def test_scores_are_listed_with_those_of_baselines():
    evaluation = parts_of(make_card(METADATA, name="facies"))["Evaluation"]
    assert "| Method | pixel accuracy | mean IoU | ECE |" in evaluation
    assert "| network | 0.900 | 0.710 | – |" in evaluation
    assert "| depth only | 0.200 | 0.100 | – |" in evaluation
    assert "| chaos | 0.300 | – |" in evaluation
    assert "### something else\n\n| Method | pixel accuracy | spread |" in evaluation
    assert "| network | 0.250 | 3 |" in evaluation


def test_failures_are_the_given_ones_and_those_that_scores_show():
    failures = parts_of(make_card(METADATA, name="facies", failures=["Migration smiles are mistaken for chaos"]))[
        "Known failures"
    ]
    lines = [line for line in failures.splitlines() if line]
    assert lines[0] == "- Migration smiles are mistaken for chaos."
    assert "chaos (0.30)" in lines[1]
    assert "On generated:shifted, the mean IoU of the network does not exceed that of: depth only." in lines[2]
    assert "no proof" in lines[-1]


def test_tables_keep_their_columns_with_any_name():
    for table in re.findall(r"(?:^\|.*\n)+", make_card(METADATA, name="x"), re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1


def test_empty_metadata_still_make_a_card():
    parts = parts_of(make_card(ModelMetadata("classifier", {}, (), ()), name="mine.safetensors"))
    assert "Not evaluated." in parts["Evaluation"]
    assert "predict" not in parts["Architecture"]
    assert "Not stated." in parts["Train it again"]
    assert "not stated" in parts["Credit and licence"]


def test_classes_without_colours_are_listed():
    assert "| 1 | b | – |" in make_card(ModelMetadata("unet", {}, ("a", "b"), ()), name="x")


def test_a_card_is_not_overwritten(tmp_path):
    path = tmp_path / "facies.md"
    write_card(METADATA, path, name="facies")
    assert path.read_text(encoding="utf-8") == make_card(METADATA, name="facies")
    with raises("exists"):
        write_card(METADATA, path, name="facies")
    write_card(METADATA, path, name="other", force=True)
    assert path.read_text(encoding="utf-8").startswith("# other")
