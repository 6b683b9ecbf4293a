"""`seisdream compare` of two networks: what the folder holds, and that a network shares everything with itself."""

import csv
import json

import pytest

from trained_files import write_unet

QUICK = ("--concepts", 6, "--positions", 400, "--steps", 1, "--size", "32x48", "--dt-ms", 4)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_unet(tmp_path_factory.mktemp("networks") / "small.safetensors")


def test_a_network_shares_every_concept_with_itself(seisdream, tmp_path, array, network):
    code, out, err = seisdream("compare", network, network, "--data", array, *QUICK, "--out", tmp_path / "same")
    assert (code, err) == (0, "")
    assert "6 are in both networks" in out
    folder = tmp_path / "same"
    assert {path.name for path in folder.iterdir()} == {"index.html", "concepts.csv", "cka.csv", "compare.json"}
    record = json.loads((folder / "compare.json").read_text())
    assert record["result"] == {"both": 6, "first_only": 0, "second_only": 0, "cka": 1.0, "differing": 0.0}
    with (folder / "concepts.csv").open() as file:
        assert {row["owner"] for row in csv.DictReader(file)} == {"both"}
    with (folder / "cka.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(float(row[row["layer"]]) == 1.0 for row in rows)
    page = (folder / "index.html").read_text()
    # The line, its part, predictions, two differences, and two maps and a dream of each concept.
    assert page.count("data:image/png") == 3 + 2 + 3 * 6


def test_what_does_not_fit_is_refused(refused, array, network, tmp_path):
    words = ("--data", array, *QUICK, "--out", tmp_path / "out")
    assert refused("compare", network, network, *words, "--layer", "enc99")[0] == "unknown-name"
    assert refused("compare", network, "faults", *words)[0] == "not-supported"
    assert not (tmp_path / "out").exists()


def test_results_of_one_section_are_compared(seisdream, refused, array, tmp_path):
    words = ("--network", "gabor", "--dt-ms", 4, "--octaves", 1, "--steps", 1, "--no-film", "--quiet")
    for name in ("one", "two"):
        assert seisdream("dream", array, *words, "--out", tmp_path / name)[0] == 0
    code, out, err = seisdream("compare", tmp_path / "one", tmp_path / "two", "--out", tmp_path / "both")
    assert (code, err) == (0, "")
    assert "one, two: 1.000" in out
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"index.html", "comparison.png", "comparison.json"}
    assert refused("compare", tmp_path / "one", tmp_path / "two", "--concepts", 3) == ("missing-argument", "--data")
