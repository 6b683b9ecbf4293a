"""`seisdream train` as a person or a script uses it; runs are tested in tests/training."""

import json
import re

import numpy as np
import pytest
import torch
import xarray as xr

from seisdream.models.checkpoints import read_metadata
from small_datasets import Stripes

TINY = (
    "--widths", "4,6,6", "--batch-size", 2, "--size", 32, "--precision", "float32", "--device", "cpu", "--workers", 0,
    "--no-baselines",
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    earlier = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(earlier)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "mine"
    folder.mkdir()
    data = Stripes(size=(48, 40))
    for number in range(10):
        sample = data[number]
        np.savez(folder / f"inline_{100 + number}.npz", amplitude=sample.image[0], labels=sample.classes)
    (folder / "classes.txt").write_text("coarse\nfine\ndark\n")
    return folder


def test_a_run_prints_its_scores_and_files_and_is_resumed(seisdream, folder, tmp_path):
    words = ("train", "--data", folder, *TINY, "--steps", 2, "--out", tmp_path / "run")
    code, out, err = seisdream(*words)
    assert code == 0, err
    assert re.search(r"Mean IoU 0\.\d{3}, pixel accuracy 0\.\d{3} on held-out data:", out)
    assert str(tmp_path / "run" / "network.safetensors") in out
    recipe = read_metadata(tmp_path / "run" / "network.safetensors").recipe
    assert (recipe["widths"], recipe["batch_size"], recipe["size"]) == ([4, 6, 6], 2, 32)
    assert seisdream(*words, "--quiet")[:2] == (0, "")
    code, _, err = seisdream(*words, "--learning-rate", 0.5)
    assert code == 2
    assert "--learning-rate (0.002 there, 0.5 now)" in err
    assert "--force" in err
    assert seisdream(*words, "--learning-rate", 0.5, "--force", "--quiet")[0] == 0


@pytest.mark.slow
def test_lines_of_a_zarr_volume_are_trained_on(seisdream, tmp_path):
    samples = [Stripes(size=(48, 40))[number] for number in range(24)]
    lines = {"amplitude": [one.image[0] for one in samples], "labels": [one.classes for one in samples]}
    numbers = {"inline": 100 + np.arange(24), "crossline": np.arange(40), "time": 4.0 * np.arange(48)}
    volumes = {name: (("inline", "time", "crossline"), np.stack(of_one)) for name, of_one in lines.items()}
    xr.Dataset(volumes, numbers).transpose(*numbers).to_zarr(tmp_path / "survey.zarr", consolidated=False)
    words = ("--data", tmp_path / "survey.zarr", *TINY, "--steps", 3, "--out", tmp_path / "run", "--json")
    code, out, err = seisdream("train", *words)
    assert code == 0, err
    assert json.loads(out)["result"]["scored_on"] == "held-out data"
    metadata = read_metadata(tmp_path / "run" / "network.safetensors")
    assert metadata.classes == ("class 0", "class 1", "class 2")


@pytest.mark.slow
def test_the_network_predicts_and_dreams(seisdream, folder, tmp_path):
    network, line = tmp_path / "run" / "network.safetensors", tmp_path / "line.npy"
    assert seisdream("train", "--data", folder, *TINY, "--steps", 2, "--out", tmp_path / "run", "--quiet")[0] == 0
    np.save(line, Stripes(3, (64, 72))[0].image[0])
    code, _, err = seisdream("predict", line, "--network", network, "--augmentations", 0, "--quiet")
    assert code == 0, err
    assert set(np.unique(np.load(f"{line}.predict/classes.npy"))) <= {0, 1, 2}
    words = ("--steps", 1, "--octaves", 1, "--no-film", "--quiet", "--device", "cpu", "--precision", "float32")
    for number, layer in enumerate((None, "enc2.relu2", "class:fine")):
        chosen = ("--layer", layer) if layer else ()
        code, _, err = seisdream("dream", line, "--network", network, *chosen, *words, "--out", tmp_path / f"{number}")
        assert code == 0, err
    code, out, _ = seisdream("layers", network)
    assert "enc3" in out
    assert "logits" in out
    assert seisdream("layers", f"{network}@random:3")[0] == 0
    code, _, err = seisdream("layers", f"{network}@shuffled")
    assert code == 2
    assert "--shuffled" in err


def test_json_is_for_scripts(seisdream, folder, tmp_path):
    code, out, _ = seisdream("train", "--data", folder, *TINY, "--steps", 1, "--out", tmp_path / "run", "--json")
    summary = json.loads(out)
    assert code == 0
    assert summary["kind"] == "training"
    assert len(summary["files"]) == 5
    assert summary["settings"]["widths"] == [4, 6, 6]
    assert 0 <= summary["result"]["scores"]["pixel_accuracy"] <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--data"),
        (["--preset", "faces"], "no preset 'faces'"),
        (["--preset", "facies", "--data", "x"], "leave out --data"),
        (["--preset", "facies", "--held-out", "0.1"], "The preset facies does not use --held-out"),
        (["--preset", "geology", "--unlabelled", "sample:built-in"], "does not use --unlabelled"),
        (["--data", "DATA", "--earths", "8"], "does not use --earths"),
        (["--data", "nowhere"], "There is no file or folder nowhere"),
        (["--data", "DATA", "--steps", "0"], "--steps"),
        (["--data", "DATA", "--widths", "8"], "--widths is 8"),
        (["--data", "DATA", "--widths", "8,x"], "--widths"),
        (["--data", "DATA", "--widths", "8,8", "--start", "facies"], "leave out --widths"),
        (["--data", "DATA", "--learning-rate", "-1"], "--learning-rate"),
        (["--data", "DATA", "--held-out", "1.5"], "--held-out"),
        (["--data", "DATA", "--guard", "500"], "use a smaller --guard"),
        (["--data", "DATA", "--start", "nothing.safetensors"], "nothing.safetensors"),
        (["--data", "DATA", "--device", "abacus"], "abacus"),
        (["--data", "DATA", "--inline-byte", "9"], "--inline-byte can only be used with SEG-Y"),
    ],
)
def test_errors_name_options(seisdream, folder, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = seisdream("train", *(str(folder) if word == "DATA" else word for word in words), "--quiet")
    assert code == 2
    assert out == ""
    assert message in " ".join(err.split())
