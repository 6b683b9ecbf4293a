import re

import pytest

from seisdream.errors import SeisdreamError
from seisdream.evaluation.model_card import card_of, write_card
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
STORY = ModelMetadata(
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
    recipe={"n_steps": 4000, "learning_rate": 0.002},
)


def parts_of(card):
    return dict(re.findall(r"^## (.+?)\n\n(.*?)(?=^## |\Z)", card, re.DOTALL | re.MULTILINE))


def test_a_card_has_its_parts():
    card = card_of(STORY, name="facies", preset="facies", failures=["Migration smiles are taken for chaos"])
    parts = parts_of(card)
    assert card.startswith("# facies\n\nFacies of generated earths.\n")
    assert list(parts) == [
        *("What it is", "What it saw", "Classes", "Measured", "Known failures", "Train it again"),
        "Credit and licence",
    ]
    assert "`[8, 16]`" in parts["What it is"]
    assert "seisdream predict LINE.sgy --network facies" in parts["What it is"]
    assert parts["What it saw"].strip() == "4000 generated earths."
    assert "| 0 | salt | `#e38fb1` |" in parts["Classes"]
    assert "seisdream train --preset facies" in parts["Train it again"]
    assert '"n_steps": 4000' in parts["Train it again"]
    assert "Apache-2.0" in parts["Credit and licence"]


def test_numbers_stand_beside_their_baselines():
    measured = parts_of(card_of(STORY, name="facies"))["Measured"]
    assert "| Method | pixel accuracy | mean IoU | ECE |" in measured
    assert "| network | 0.900 | 0.710 | – |" in measured
    assert "| depth only | 0.200 | 0.100 | – |" in measured
    assert "| chaos | 0.300 | – |" in measured
    assert "### something else\n\n| Method | pixel accuracy | spread |" in measured
    assert "| network | 0.250 | 3 |" in measured


def test_failures_are_those_told_and_those_that_the_numbers_show():
    failures = parts_of(card_of(STORY, name="facies", failures=["Migration smiles are taken for chaos"]))[
        "Known failures"
    ]
    lines = [line for line in failures.splitlines() if line]
    assert lines[0] == "- Migration smiles are taken for chaos."
    assert "chaos (0.30)" in lines[1]
    assert "On generated:shifted, the network is no better by mean IoU than: depth only." in lines[2]
    assert "no proof" in lines[-1]


def test_tables_keep_their_columns_whatever_names_hold():
    for table in re.findall(r"(?:^\|.*\n)+", card_of(STORY, name="x"), re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1


def test_a_story_that_tells_nothing_still_has_a_card():
    parts = parts_of(card_of(ModelMetadata("classifier", {}, (), ()), name="mine.safetensors"))
    assert "Nothing was measured." in parts["Measured"]
    assert "predict" not in parts["What it is"]
    assert "not told" in parts["Train it again"]
    assert "not stated" in parts["Credit and licence"]


def test_classes_without_colours_are_listed():
    assert "| 1 | b | – |" in card_of(ModelMetadata("unet", {}, ("a", "b"), ()), name="x")


def test_a_card_is_not_overwritten(tmp_path):
    path = tmp_path / "facies.md"
    write_card(STORY, path, name="facies")
    assert path.read_text(encoding="utf-8") == card_of(STORY, name="facies")
    with pytest.raises(SeisdreamError, match="--force"):
        write_card(STORY, path, name="facies")
    write_card(STORY, path, name="other", force=True)
    assert path.read_text(encoding="utf-8").startswith("# other")
