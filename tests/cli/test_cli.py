"""The command line as a person or a script meets it."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import segyio
import torch
from PIL import Image
from seisdream.dreaming.outputs import ABSENT_ROCK

from seisdream.io.images import read_png_text
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.zoo.unet import UNet

QUICK = ["--octaves", "1", "--steps", "1", "--jitter", "2", "--no-film"]


@pytest.fixture
def array(tmp_path):
    path = tmp_path / "line.npy"
    np.save(path, np.random.default_rng(0).normal(size=(80, 90)).astype(np.float32))
    return path


def test_a_dream_leaves_the_fixed_names_with_the_recipe_inside(seisdream, array, tmp_path):
    code, out, _ = seisdream("dream", array, "--octaves", 2, "--steps", 2, "--levels", 2, "--out", tmp_path / "d")
    folder = tmp_path / "d"
    assert code == 0
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        *("dream.npy", "dream.png", "figure.png", "film.mp4", "film.gif", "levels/01.png", "levels/02.png"),
        *("scores.csv", "recipe.json"),
    }
    assert str(folder / "figure.png") in out
    story = json.loads((folder / "recipe.json").read_text())
    assert story["recipe"]["levels"] == 2
    assert story["recipe"]["zoom"] == 0.05, "an array without geometry zooms as the original"
    assert len(story["input"]["samples_sha256"]) == len(story["network"]["sha256"]) == 64
    for name in ("dream.png", "figure.png", "levels/02.png"):
        assert json.loads(read_png_text(folder / name)["seisdream"]) == story
    assert np.load(folder / "dream.npy").dtype == np.float32
    with Image.open(folder / "levels" / "01.png") as picture:
        assert picture.size == (90, 80)
    rows = list(csv.DictReader((folder / "scores.csv").read_text().splitlines()))
    assert list(rows[0]) == ["level", "octave", "step", "score", "milliseconds"]
    assert [(row["level"], row["octave"], row["step"]) for row in rows][-1] == ("2", "2", "2")
    assert len(rows) == 8


def test_the_default_folder_lies_beside_the_input_and_is_not_overwritten(seisdream, array):
    assert seisdream("dream", array, *QUICK)[0] == 0
    folder = Path(f"{array}.dream")
    before = (folder / "dream.npy").read_bytes()
    code, _, err = seisdream("dream", array, *QUICK, "--seed", 1)
    assert code == 2
    assert "--force" in err
    assert (folder / "dream.npy").read_bytes() == before
    assert seisdream("dream", array, *QUICK, "--seed", 1, "--force")[0] == 0
    assert (folder / "dream.npy").read_bytes() != before


def test_json_and_quiet_are_for_scripts(seisdream, array, tmp_path):
    code, out, err = seisdream("dream", array, *QUICK, "--json", "--out", tmp_path / "a")
    summary = json.loads(out)
    assert (code, summary["steps"], summary["stopped"]) == (0, 1, None)
    assert all(Path(path).exists() for path in summary["files"])
    code, out, err = seisdream("dream", array, *QUICK, "--quiet", "--out", tmp_path / "b")
    assert (code, out, err) == (0, "", "")


def test_variants_lie_side_by_side(seisdream, array, tmp_path):
    folder = tmp_path / "v"
    asked = [
        "dream",
        array,
        "--network",
        "gabor",
        *QUICK,
        "--layer",
        "stage1/pooled:3 + diversity:stage1/pooled",
        "--out",
        folder,
    ]
    code, out, err = seisdream(*asked, "--variants", 2)
    assert code == 0, err
    assert str(folder / "variants.png") in out
    one, other = (np.load(folder / number / "dream.npy") for number in "12")
    assert not np.array_equal(one, other)
    assert seisdream(*asked, "--variants", 2)[0] == 2, "not overwritten without --force"
    code, out, err = seisdream(*asked, "--variants", 2, "--force", "--json")
    assert len(json.loads(out)["last_scores"]) == 2
    code, _, err = seisdream("replay", folder / "1")
    assert (code, "made unlike the dreams beside it" in err) == (2, True)
    for words, message in (([], "this one is alone"), (["--variants", 1], "two dreams or more; got 1 (--variants)")):
        code, _, err = seisdream(*asked, *words)
        assert (code, message in err) == (2, True)
    code, _, err = seisdream("dream", array, "--network", "gabor", "--variants", 1, "--out", tmp_path / "one")
    assert (code, "two dreams or more; got 1 (--variants)" in err) == (2, True)


def test_a_network_for_cubes_dreams_on_a_whole_volume(seisdream, shared, tmp_path):
    cubes, volume, out = tmp_path / "cubes.safetensors", shared / "data" / "segyio" / "f3.sgy", tmp_path / "out"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        write_trained(
            UNet(2, (4, 4), n_dims=3), ModelMetadata("unet", {}, ("a", "salt"), ("#000000", "#ffffff")), cubes
        )
    asked = ["dream", volume, "--network", cubes, "--layer", "class:salt", "--octaves", 1, "--steps", 2]
    code, printed, err = seisdream(*asked, "--parameterization", "impedance", "--out", out)
    assert code == 0, err
    assert "on the whole volume" in printed
    with (
        segyio.open(volume) as source,
        segyio.open(out / "dream.sgy") as file,
        segyio.open(out / "impedance.sgy") as rock,
    ):
        assert np.array_equal(file.ilines, source.ilines)
        dreamed, impedance = segyio.cube(file), segyio.cube(rock)
        assert not np.array_equal(dreamed, segyio.cube(source))
    np.testing.assert_array_equal(np.rint(np.load(out / "dream.npy")), dreamed)  # The volume's samples are integers.
    is_absent = np.isnan(np.load(out / "impedance.npy"))
    assert is_absent.any(), "the top is muted"
    assert (impedance[is_absent] == ABSENT_ROCK).all()
    assert not dreamed[is_absent].any()
    there = impedance[~is_absent]
    assert 1.5 * (1 - 1e-6) < there.min() < there.max() < 12.0 * (1 + 1e-6)
    still = tmp_path / "still"
    assert seisdream(*asked, "--step-size", 0, "--out", still)[0] == 0
    before, after = volume.read_bytes(), (still / "dream.sgy").read_bytes()
    assert b"DREAMED" in after[:3200] or "DREAMED".encode("cp500") in after[:3200]
    assert len(before) == len(after)
    assert before[3200:] == after[3200:], "byte for byte but for one line of the text header"
    code, _, err = seisdream(*asked, "--variants", 2, "--out", tmp_path / "variants")
    assert (code, "leave out --variants" in err) == (2, True)
    code, _, err = seisdream(*asked, "--inline", 111, "--out", tmp_path / "other")
    assert (code, "whole SEG-Y volume" in err) == (2, True)
    code, _, err = seisdream("replay", out)
    assert (code, "it is a cube's" in err) == (2, True)


def test_replay_says_identical_and_says_what_is_not(seisdream, array, tmp_path):
    folder = tmp_path / "d"
    seisdream("dream", array, *QUICK, "--out", folder)
    for name in ("", "dream.png", "recipe.json", "dream.npy"):
        code, out, _ = seisdream("replay", folder / name, "--quiet")
        assert code == 0
        assert "Identical" in out
    np.save(array, np.random.default_rng(1).normal(size=(80, 90)).astype(np.float32))
    code, out, _ = seisdream("replay", folder, "--json")
    verdict = json.loads(out)
    assert not verdict["is_identical"]
    assert "input's samples" in verdict["differences"][0]


def test_a_moved_folder_replays_with_the_input_beside_it(seisdream, array, tmp_path):
    seisdream("dream", array, *QUICK)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(array, elsewhere)
    shutil.move(f"{array}.dream", elsewhere)
    code, out, _ = seisdream("replay", elsewhere / "line.npy.dream")
    assert code == 0
    assert "Identical" in out


def copied_segy(shared, tmp_path, name):
    path = tmp_path / Path(name).name
    shutil.copy(shared / "data" / name, path)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("31_81_PR.sgy", []),
        ("F3_very_small.sgy", ["--inline", "*"]),
        ("segyio/f3.sgy", ["--crossline", "*"]),
        ("segyio/f3-lsb.sgy", ["--time", "*"]),
        ("segyio/small.sgy", []),
        *[(f"segyio/multiformats/Format{code}{end}.sgy", []) for code in (1, 2, 3, 5, 8) for end in ("msb", "lsb")],
    ],
)
def test_every_segy_opens_dreams_and_comes_back(seisdream, shared, tmp_path, name, options):
    path = copied_segy(shared, tmp_path, name)
    if options:
        from seisdream.io.segy import read_survey

        survey = read_survey(path)
        middle = {"--inline": survey.inlines, "--crossline": survey.crosslines, "--time": survey.times_ms}
        options = [options[0], str(middle[options[0]][len(middle[options[0]]) // 2])]
    few = ["--octaves", "1", "--no-film"]
    before = path.read_bytes()
    still = ["dream", path, *options, "--steps", "0", *few, "--out", tmp_path / "still", "--quiet"]
    assert seisdream(*still)[0] == 0
    unchanged = (tmp_path / "still" / "dream.sgy").read_bytes()
    differing = [at for at in range(len(before)) if before[at] != unchanged[at]]
    assert len(before) == len(unchanged)
    assert differing, "one line of the text header says that the data are dreamed"
    assert differing[-1] < 3200
    assert differing[0] // 80 == differing[-1] // 80, "and only one"
    code, _, err = seisdream("dream", path, *options, "--steps", "2", *few, "--out", tmp_path / "d", "--quiet")
    assert code == 0, err
    assert path.read_bytes() == before, "the input is never touched"
    after = (tmp_path / "d" / "dream.sgy").read_bytes()
    assert after[:3200] != before[:3200]
    assert after[3600:] != before[3600:]
    endian = "little" if "lsb" in name else "big"
    with (
        segyio.open(path, ignore_geometry=True, endian=endian) as one,
        segyio.open(tmp_path / "d" / "dream.sgy", ignore_geometry=True, endian=endian) as two,
    ):
        assert all(bytes(a.buf) == bytes(b.buf) for a, b in zip(one.header[:], two.header[:], strict=True))
    code, out, _ = seisdream("replay", tmp_path / "d" / "dream.sgy", "--quiet")
    assert "Identical" in out


def test_a_shot_gather_is_refused_as_pre_stack(seisdream, shared, tmp_path):
    code, _, err = seisdream("dream", shared / "data/segyio/shot-gather.sgy", "--out", tmp_path / "d")
    assert code == 2
    assert "pre-stack" in err
    assert "stack" in err.replace("pre-stack", "")
    assert not (tmp_path / "d").exists()
    code, out, _ = seisdream("info", shared / "data/segyio/shot-gather.sgy")
    assert code == 0
    assert "pre-stack" in out


def test_info_is_the_preflight(seisdream, shared, array):
    code, out, _ = seisdream("info", shared / "data/31_81_PR.sgy", "--json")
    story = json.loads(out)
    assert (code, story["kind"], story["traces"], story["samples"]) == (0, "2-D line", 534, 1501)
    assert len(story["text_header"]) == 40
    code, out, _ = seisdream("info", shared / "data/F3_very_small.sgy")
    assert "ascii" in out
    assert "11" in out
    assert "RMS" in out
    code, out, _ = seisdream("info", array)
    assert "80 row × 90 column" in out
    assert "Nothing looks wrong" in out


def test_a_zoomed_segy_is_not_written_and_the_reason_is_said(seisdream, shared, tmp_path):
    path = copied_segy(shared, tmp_path, "31_81_PR.sgy")
    words = ["--levels", "2", "--zoom", "0.05", "--octaves", "1", "--steps", "1", "--no-film", "--out", tmp_path / "d"]
    code, _, err = seisdream("dream", path, *words)
    assert code == 0
    assert "zoomed section no longer lies where it was recorded" in err
    assert not (tmp_path / "d" / "dream.sgy").exists()


def test_only_the_sections_traces_can_be_written(seisdream, shared, tmp_path):
    path = shared / "data/segyio/f3.sgy"
    code, _, err = seisdream("dream", path, *QUICK, "--segy", "section", "--out", tmp_path / "d")
    assert code == 0, err
    with segyio.open(tmp_path / "d/dream.sgy", ignore_geometry=True) as file:
        assert file.tracecount == np.load(tmp_path / "d/dream.npy").shape[1]


def test_pictures_keep_their_units_and_tiffs_come_back_as_tiff(seisdream, tmp_path):
    import tifffile

    values = np.random.default_rng(0).normal(size=(60, 70)).astype(np.float32) * 7
    tifffile.imwrite(tmp_path / "line.tif", values)
    assert seisdream("dream", tmp_path / "line.tif", *QUICK)[0] == 0
    result = np.load(tmp_path / "line.tif.dream/dream.npy")
    assert np.array_equal(tifffile.imread(tmp_path / "line.tif.dream/dream.tif"), result)
    assert 0 < np.abs(result - values).mean() < 2
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 70, 3), np.uint8)).save(tmp_path / "colour.png")
    assert seisdream("dream", tmp_path / "colour.png", *QUICK)[0] == 0
    assert np.load(tmp_path / "colour.png.dream/dream.npy").shape == (60, 70, 3)


def test_activations_come_with_their_positions(seisdream, shared, tmp_path):
    out = tmp_path / "what.npy"
    words = ["activations", shared / "data/f3_inline362.npz", "--key", "amplitude", "--out", out]
    code, _, err = seisdream(*words)
    assert code == 0, err
    values, positions = np.load(out), np.load(tmp_path / "what.positions.npz")
    assert values.dtype == np.float32
    assert values.shape[1:] == (len(positions["row"]), len(positions["column"]))
    assert positions["crossline"][0] >= 300
    assert np.allclose(np.diff(positions["time"]), 4.0 * np.diff(positions["row"]))
    assert seisdream(*words)[0] == 2, "not overwritten without --force"


def test_networks_and_layers_are_listed(seisdream, shared):
    code, out, _ = seisdream("networks")
    assert code == 0
    assert "gabor" in out
    assert "googlenet" in out
    weights = shared / "weights/bvlc_googlenet.safetensors"
    code, out, _ = seisdream("layers", "googlenet", "--weights", weights)
    line = next(line for line in out.splitlines() if line.startswith("inception_4c/output"))
    assert line.split()[1:9] == ["512", "16", "×", "16", "299", "×", "299", "Concatenation"]
    assert "bgr" in out
    assert "(default)" in out
    rows = json.loads(seisdream("layers", "gabor", "--json")[1])["layers"]
    assert all(row["channels"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dream", "nowhere.sgy"], "nowhere.sgy"),
        (["dream", "sample:f4"], "sample:f3"),
        (["dream", "sample:built-in", "--network", "gabbor"], "gabor"),
        (["dream", "sample:built-in", "--layer", "stage9"], "near it: "),
        (["dream", "sample:built-in", "--network", "gabor", "--layer", "stage1/filters:9999"], "no channel 9999"),
        (["dream", "sample:built-in", "--network", "gabor", "--layer", "class:salt"], "no classes"),
        (["dream", "sample:built-in", "--layer", "diversity:enc4"], "--variants 4"),
        (["dream", "sample:built-in", "--octaves", "0"], "--octaves is 0"),
        (["dream", "sample:built-in", "--octaves", "30"], "--octaves"),
        (["dream", "sample:built-in", "--inline", "3"], "--inline does not apply"),
        (["dream", "sample:built-in", "--mask", "time=9000:9100"], "9000"),
        (["dream", "sample:built-in", "--device", "tpu"], "Device 'tpu'"),
        (["dream", "sample:built-in", "--input-scale", "2"], "--input-order"),
        (["layers", "my.package:net"], "my"),
        (["replay", "nowhere"], "nowhere"),
    ],
)
def test_errors_name_what_was_got_and_how_to_mend_it(seisdream, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = seisdream(*words)
    assert code == 2
    assert err.startswith(("Error: ", "Note: "))
    assert message in err
    assert out == ""
    assert list(tmp_path.iterdir()) == [], "nothing is written"


def test_the_output_is_never_the_input(seisdream, array):
    code, _, err = seisdream("dream", array, *QUICK, "--out", array, "--force")
    assert code == 2
    assert "file" in err


def test_the_users_own_network_from_a_factory(seisdream, array, tmp_path, monkeypatch):
    (tmp_path / "mynets.py").write_text(
        "import torch\n"
        "def small():\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU())\n"
    )
    monkeypatch.chdir(tmp_path)
    stated = ["--input-order", "grey", "--input-scale", "0.00784", "--input-mean", "1.0"]
    code, _, err = seisdream("dream", array, *QUICK, "--network", "mynets:small", "--layer", "1")
    assert code == 2
    assert "--input-order" in err
    code, _, err = seisdream("dream", array, *QUICK, "--network", "mynets:small", "--layer", "1:2", *stated)
    assert code == 0, err
    story = json.loads(Path(f"{array}.dream/recipe.json").read_text())
    assert story["recipe"]["network_options"]["mean"] == [1.0]
    assert "Identical" in seisdream("replay", f"{array}.dream")[1]


def start(*words):
    command = [sys.executable, "-m", "seisdream", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def interrupt_once_there_is(process, text):
    seen = ""
    deadline = time.monotonic() + 120
    while text not in seen and time.monotonic() < deadline:
        seen += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return out, seen + err


def test_ctrl_c_keeps_the_last_whole_level(array, tmp_path):
    process = start(
        "dream", array, "--levels", 5000, "--octaves", 1, "--steps", 20, "--out", tmp_path / "d", "--no-film"
    )
    _, err = interrupt_once_there_is(process, "level 3/")
    assert process.returncode == 130, err
    story = json.loads((tmp_path / "d" / "recipe.json").read_text())
    assert story["result"]["stopped"] == "interrupted"
    assert 2 <= story["result"]["n_whole_levels"] < 5000
    assert len(list((tmp_path / "d" / "levels").iterdir())) == story["result"]["n_whole_levels"]


def test_ctrl_c_before_the_first_level_writes_nothing(array, tmp_path):
    process = start("dream", array, "--octaves", 1, "--steps", 500000, "--out", tmp_path / "d", "--no-film")
    _, err = interrupt_once_there_is(process, "level 1/1")
    assert process.returncode == 130
    assert "nothing was written" in err
    assert not (tmp_path / "d").exists()


def test_every_option_is_explained_and_help_imports_nothing_heavy():
    code = (
        "import sys; from seisdream.cli.main import cli\n"
        "for command in cli.commands.values():\n"
        "    assert command.help, command.name\n"
        "    for option in command.params:\n"
        "        assert option.param_type_name == 'argument' or option.help, (command.name, option.name)\n"
        "heavy = {'torch', 'numpy', 'xarray', 'matplotlib', 'scipy', 'segyio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["fourier", "phase", "bandlimited", "reflectivity", "impedance"])
def test_every_parameterization_writes_and_replays(seisdream, array, tmp_path, name):
    layer = "stage1/pooled - 0.1*penalty:distance"
    words = ["dream", array, "--network", "gabor", "--parameterization", name, "--dt-ms", "4", "--layer", layer]
    code, out, err = seisdream(*words, *QUICK, "--out", tmp_path / "d", "--json")
    assert code == 0, err
    summary = json.loads(out)
    files = {Path(path).name for path in summary["files"]}
    rock = {"impedance.npy", "vp.npy", "density.npy", "rock.png"}
    assert files >= {"reflectivity.npy", "wavelet.npy"} if name in ("reflectivity", "impedance") else not files & rock
    assert files >= rock if name == "impedance" else not files & rock
    assert (summary["likeness"]["result"]["correlation"] > 0.5) if "wavelet.npy" in files else not summary["likeness"]
    assert "Identical" in seisdream("replay", tmp_path / "d", "--quiet")[1]


def test_rock_dreamed_on_segy_comes_back_as_segy(seisdream, shared, tmp_path):
    path = copied_segy(shared, tmp_path, "F3_very_small.sgy")
    words = ["dream", path, "--network", "gabor", "--parameterization", "impedance", "--segy", "section"]
    code, _, err = seisdream(*words, *QUICK, "--allow-small", "--out", tmp_path / "d", "--quiet")
    assert code == 0, err
    rock = np.load(tmp_path / "d" / "impedance.npy")
    seismogram = np.load(tmp_path / "d" / "dream.npy")
    for name, values in (("impedance", rock), ("dream", seismogram)):
        with segyio.open(tmp_path / "d" / f"{name}.sgy", ignore_geometry=True) as file:
            written = np.array(file.trace.raw[:]).T
        # The top is muted: zero in the dream; no rock, which SEG-Y writes as a number.
        expected = np.where(np.isnan(values), ABSENT_ROCK, values)
        np.testing.assert_allclose(written, expected, rtol=1e-5, atol=1e-3 * np.nanstd(values))


def test_a_dream_on_noise_has_a_size_and_a_seed(seisdream, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["dream", "noise:64x72", "--network", "gabor", "--parameterization", "phase", *QUICK, "--quiet"]
    assert seisdream(*words, "--seed", 3)[0] == 0
    assert np.load("noise-64x72.dream/dream.npy").shape == (64, 72)
    assert "Identical" in seisdream("replay", "noise-64x72.dream", "--quiet")[1]
    assert seisdream(*words, "--seed", 4, "--out", "other")[0] == 0
    assert not np.array_equal(np.load("other/dream.npy"), np.load("noise-64x72.dream/dream.npy"))


def test_a_survey_gives_its_spectrum_and_is_replayed(seisdream, array, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["dream", "noise:64x72", "--network", "gabor", "--parameterization", "fourier", "--survey", array, *QUICK]
    assert seisdream(*words, "--out", "d", "--quiet")[0] == 0
    assert "Identical" in seisdream("replay", "d", "--quiet")[1]
    code, _, err = seisdream(*words, "--survey", "none.npy", "--out", "e")
    assert code == 2
    assert "--survey none.npy" in err
