"""`seisdream evaluate` as a person or a script uses it."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import trained_files

CLASSES = ("beds", "salt")


@pytest.fixture(autouse=True)
def folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def network(tmp_path):
    return trained_files.write_unet(tmp_path / "tiny.safetensors", CLASSES, ("#000000", "#ffffff"), widths=(8, 8))


@pytest.fixture
def data(tmp_path):
    """A folder of five labelled sections."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "lines"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(5):
        labels = np.repeat((np.arange(48) > 20 + number)[:, None], 64, 1).astype(np.uint8)
        image = rng.integers(0, 255, (48, 64)) * (1 - 0.5 * labels)
        Image.fromarray(image.astype(np.uint8)).save(folder / "images" / f"inline_{100 + number}.png")
        Image.fromarray(labels).save(folder / "masks" / f"inline_{100 + number}.png")
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    return folder


@pytest.mark.drawn
def test_the_table_is_printed_and_the_folder_is_written(seisdream, network, data, tmp_path):
    code, out, err = seisdream("evaluate", network, "--data", data)
    assert code == 0, err
    lines = out.splitlines()
    starts = ["network", "linear probe", "linear probe, random weights", "depth only", "majority class"]
    table = [line for line in lines if line.startswith(tuple(starts))]
    assert [line for line, start in zip(table, starts, strict=False) if line.startswith(start)] == table[:5]
    assert "pixel accuracy  mean class accuracy  mean IoU  frequency-weighted IoU  macro F1    ECE" in out
    assert any(line.startswith("salt") for line in lines)
    folder = tmp_path / "tiny-lines.evaluation"
    assert {path.name for path in folder.iterdir()} == {"table.csv", "classes.csv", "confusion.png", "scores.json"}
    rows = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    assert [row["method"] for row in rows] == starts
    assert float(rows[3]["pixel_accuracy"]) > 0.9, "these layers are flat"
    with Image.open(folder / "confusion.png") as picture:
        assert min(picture.size) > 200


def test_an_earlier_evaluation_is_kept_unless_forced(seisdream, network, data, tmp_path):
    words = ("evaluate", network, "--data", data, "--no-baselines", "--out", tmp_path / "out")
    assert seisdream(*words)[0] == 0
    code, _, err = seisdream(*words)
    assert code == 2
    assert "--force" in err
    assert seisdream(*words, "--force")[0] == 0


def test_json_and_quiet_are_for_scripts(seisdream, network, data):
    code, out, err = seisdream("evaluate", network, "--data", data, "--no-baselines", "--json", "--out", "a")
    result = json.loads(out)["result"]
    assert (code, err, list(result["scores"]), result["classes"]) == (0, "", ["network"], list(CLASSES))
    code, out, err = seisdream("evaluate", network, "--data", data, "--no-baselines", "--quiet", "--out", "b")
    assert (code, out, err) == (0, "", "")


def test_other_classes_are_mapped_by_a_file(seisdream, network, tmp_path):
    words = ("evaluate", network, "--data", "generated", "--sections", 1, "--no-baselines")
    code, _, err = seisdream(*words)
    assert code == 2
    assert "The network predicts beds, salt, but the data have parallel-high" in err
    assert "section" not in err, "no progress bar before the first section"
    (tmp_path / "map.json").write_text('{"beds": "parallel-high", "salt": "salt"}')
    code, out, err = seisdream(*words, "--map", "map.json")
    assert code == 0, err
    assert "tiny.safetensors on generated: 1 section, 65,536 samples" in out


def test_a_network_without_classes_is_probed(seisdream, data):
    code, out, err = seisdream("evaluate", "gabor", "--data", data)
    assert code == 0, err
    assert "linear probe, random weights" in out
    assert "\nnetwork " not in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "nowhere"], "no file or folder nowhere"),
        (["--data", "generate"], "no file or folder generate; name one with labels"),
        (["--data", "generated:tilted"], "no 'tilted' in generated:tilted"),
        (["--data", "generated", "--sections", "0"], "--sections is 0"),
        (["--data", "generated", "--map", "none.json"], "none.json is not a map of classes"),
        ([], "Missing option '--data'"),
    ],
)
def test_errors_name_options(seisdream, network, words, message, tmp_path):
    code, _, err = seisdream("evaluate", network, *words)
    assert code == 2
    assert message in err
    assert not list(tmp_path.glob("*.evaluation"))
