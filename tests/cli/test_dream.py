"""`seisdream dream` and `seisdream replay` on sections, as a person or a script meets them."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import segyio
from PIL import Image

from seisdream.errors import SeisdreamError
from seisdream.io.images import read_png_text
from seisdream.io.segy import read_text_header
from seisdream.results.dream_result import ABSENT_ROCK
from trained_files import write_unet

QUICK = ["--octaves", "1", "--steps", "1", "--jitter", "2", "--no-film"]
FILES = {"dream.npy", "dream.png", "dream-figure.png", "levels/dream-01.png", "scores.csv", "recipe.json", "index.html"}
SUMMARY = {"kind", "out", "files", "notes", "settings", "result"}


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.drawn
def test_a_dream_leaves_the_fixed_names_with_the_settings_inside(seisdream, array, tmp_path):
    folder = tmp_path / "d"
    code, out, err = seisdream("dream", array, "--octaves", 2, "--steps", 2, "--levels", 2, "--out", folder)
    assert code == 0, err
    assert files_in(folder) == FILES | {"levels/dream-02.png", "dream.gif", "dream.mp4"}
    assert str(folder / "dream-figure.png") in out
    record = json.loads((folder / "recipe.json").read_text())
    assert record["settings"]["levels"] == 2
    assert record["settings"]["zoom"] == 0.05, "an array without geometry zooms as the original"
    assert len(record["input"]["samples_sha256"]) == len(record["network"]["sha256"]) == 64
    for name in ("dream.png", "dream-figure.png", "levels/dream-02.png"):
        assert json.loads(read_png_text(folder / name)["seisdream"])["settings"] == record["settings"]
    assert np.load(folder / "dream.npy").dtype == np.float32
    with Image.open(folder / "levels" / "dream-01.png") as picture:
        assert picture.size == (90, 80)
    rows = list(csv.DictReader((folder / "scores.csv").read_text().splitlines()))
    assert list(rows[0]) == ["level", "octave", "step", "score", "milliseconds"]
    assert [rows[-1][name] for name in ("level", "octave", "step")] == ["2", "2", "2"]
    assert len(rows) == 8


@pytest.mark.parametrize(
    ("layer", "words", "is_checked"),
    [("class:salt", (), True), ("class:salt", ("--no-path",), False), ("enc1", (), False)],
)
def test_dreams_of_a_class_are_compared_with_real_patches(
    seisdream, array, tmp_path, monkeypatch, layer, words, is_checked
):
    checked = []
    monkeypatch.setattr("seisdream.significance.path_check.add_path_check", lambda *given: checked.append(given))
    how = ("--network", write_unet(tmp_path / "small.safetensors"), "--layer", layer, "--allow-undersized")
    assert seisdream("dream", array, *how, *words, *QUICK)[0] == 0
    assert bool(checked) == is_checked


def test_a_dream_is_written_even_where_its_path_check_fails(seisdream, array, tmp_path, monkeypatch):
    def fail(*_):
        raise SeisdreamError("The check cannot be done.", code="not-supported")

    monkeypatch.setattr("seisdream.significance.path_check.add_path_check", fail)
    how = ("--network", write_unet(tmp_path / "small.safetensors"), "--layer", "class:salt", "--allow-undersized")
    assert seisdream("dream", array, *how, *QUICK, "--out", tmp_path / "out")[0] == 2
    assert (tmp_path / "out" / "dream.npy").exists()


def test_a_dream_of_a_class_has_a_path_check_or_a_note_why_not(seisdream, array, tmp_path):
    how = ("--network", write_unet(tmp_path / "small.safetensors"), "--layer", "class:salt", "--allow-undersized")
    code, _, err = seisdream("dream", array, *how, *QUICK, "--out", tmp_path / "out")
    assert code == 0, err
    result = json.loads((tmp_path / "out" / "recipe.json").read_text())["result"]
    assert ("path" in result) != ("No path check of 'class:salt'" in err)


def test_the_default_folder_is_next_to_the_input_and_is_not_overwritten(seisdream, array, refused):
    assert seisdream("dream", array, *QUICK)[0] == 0
    folder = Path(f"{array}.dream")
    before = (folder / "dream.npy").read_bytes()
    assert refused("dream", array, *QUICK, "--seed", 1) == ("exists", "--out")
    assert "--force" in seisdream("dream", array, *QUICK, "--seed", 1)[2]
    assert (folder / "dream.npy").read_bytes() == before
    assert seisdream("dream", array, *QUICK, "--seed", 1, "--force")[0] == 0
    assert (folder / "dream.npy").read_bytes() != before


def test_json_and_quiet_are_for_scripts(seisdream, array, tmp_path):
    code, out, _ = seisdream("dream", array, *QUICK, "--json", "--out", tmp_path / "a")
    summary = json.loads(out)
    assert set(summary) == SUMMARY
    assert (code, summary["kind"], summary["result"]["n_steps"], summary["result"]["stopped"]) == (0, "dream", 1, None)
    assert all(Path(path).exists() for path in summary["files"])
    assert seisdream("dream", array, *QUICK, "--quiet", "--out", tmp_path / "b") == (0, "", "")


def test_variants_are_written_next_to_one_another_and_replayed(seisdream, array, tmp_path, refused):
    folder, layer = tmp_path / "v", "stage1/pooled:3 + diversity:stage1/pooled"
    words = ["dream", array, "--network", "gabor", *QUICK, "--layer", layer, "--out", folder]
    code, out, err = seisdream(*words, "--variants", 2)
    assert code == 0, err
    assert str(folder / "dream-variants.png") in out
    one, other = (np.load(folder / number / "dream.npy") for number in "12")
    assert not np.array_equal(one, other)
    assert (folder / "1" / "scores.csv").exists()
    assert refused(*words, "--variants", 2)[0] == "exists"
    code, out, err = seisdream(*words, "--variants", 2, "--force", "--json")
    summary = json.loads(out)
    assert set(summary) == SUMMARY
    assert len(summary["result"]["variants"]) == 2
    code, out, err = seisdream("replay", folder, "--json")
    assert (code, json.loads(out)["result"]["is_identical"]) == (0, True), out + err
    assert refused("replay", folder / "1") == ("not-supported", None), "a variant is dreamed together with the others"
    assert refused(*words) == ("incompatible", "--variants")
    assert refused(*words, "--variants", 1) == ("out-of-range", "--variants")


def test_a_film_of_variants_is_in_each_of_their_folders(seisdream, array, tmp_path):
    words = ("--network", "gabor", "--octaves", 1, "--steps", 1, "--variants", 2)
    code, _, err = seisdream("dream", array, *words, "--out", tmp_path / "v")
    assert code == 0, err
    assert {f"{number}/dream.gif" for number in (1, 2)} <= files_in(tmp_path / "v")


def test_replay_reports_what_is_identical_and_what_is_not(seisdream, refused, array, tmp_path):
    folder = tmp_path / "d"
    seisdream("dream", array, *QUICK, "--out", folder)
    for name in ("", "dream.png", "recipe.json", "dream.npy"):
        code, out, _ = seisdream("replay", folder / name, "--quiet")
        assert (code, out.startswith("Identical")) == (0, True)
    record = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    record["result"]["samples_sha256"] = "0" * 64
    (folder / "recipe.json").write_text(json.dumps(record), encoding="utf-8")
    code, out, _ = seisdream("replay", folder, "--json")
    summary = json.loads(out)
    assert code == 1, "a result that is not identical is not a success"
    assert set(summary) == SUMMARY
    assert not summary["result"]["is_identical"]
    assert summary["result"]["differences"]
    np.save(array, np.random.default_rng(1).normal(size=(80, 90)).astype(np.float32))
    assert refused("replay", folder) == ("hash-mismatch", "--trust")


def test_a_moved_folder_replays_with_the_input_next_to_it(seisdream, array, tmp_path):
    seisdream("dream", array, *QUICK)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(array, elsewhere)
    shutil.move(f"{array}.dream", elsewhere)
    code, out, _ = seisdream("replay", elsewhere / "line.npy.dream")
    assert (code, out.startswith("Identical")) == (0, True)


def copied_segy(shared, tmp_path, name):
    path = tmp_path / Path(name).name
    shutil.copy(shared / "data" / name, path)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("F3_very_small.sgy", ["--inline", "*"]),
        ("segyio/f3.sgy", ["--crossline", "*"]),
        ("segyio/f3-lsb.sgy", ["--time", "*"]),
        ("segyio/multiformats/Format8lsb.sgy", []),
    ],
)
def test_segy_is_dreamed_on_and_written_back(seisdream, shared, tmp_path, name, options):
    path = copied_segy(shared, tmp_path, name)
    if options:
        from seisdream.io.segy import read_survey

        survey = read_survey(path)
        numbers = {"--inline": survey.inlines, "--crossline": survey.crosslines, "--time": survey.times_ms}
        options = [options[0], str(numbers[options[0]][len(numbers[options[0]]) // 2])]
    few = ["--octaves", "1", "--no-film"]
    before = path.read_bytes()
    still = ["dream", path, *options, "--steps", "0", *few, "--out", tmp_path / "still", "--quiet"]
    assert seisdream(*still)[0] == 0
    unchanged = (tmp_path / "still" / "dream.sgy").read_bytes()
    assert unchanged[3200:] == before[3200:], "without steps, only the text header changes"
    first, second, *rest = read_text_header(tmp_path / "still" / "dream.sgy")
    assert "NOT RECORDED DATA" in first
    assert "NOT RECORDED DATA" in second
    (record,) = [line for line in rest if "DREAMED BY SEISDREAM" in line]
    kept = [line[3:] for line in rest if line != record and line[3:].strip()]
    assert kept == [line[3:] for line in read_text_header(path) if line[3:].strip()], "all lines of the source"
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
    assert (code, out.startswith("Identical")) == (0, True)


def test_a_zoomed_dream_is_not_written_as_segy_and_a_note_says_why(seisdream, shared, tmp_path):
    path = copied_segy(shared, tmp_path, "31_81_PR.sgy")
    words = ["--levels", "2", "--zoom", "0.05", "--octaves", "1", "--steps", "1", "--no-film", "--out", tmp_path / "d"]
    code, out, _ = seisdream("dream", path, *words, "--json")
    assert code == 0
    assert any("No dream.sgy" in note for note in json.loads(out)["notes"])
    assert not (tmp_path / "d" / "dream.sgy").exists()


def test_only_the_traces_of_the_section_can_be_written(seisdream, shared, tmp_path):
    path = shared / "data/segyio/f3.sgy"
    code, _, err = seisdream("dream", path, *QUICK, "--segy", "section", "--out", tmp_path / "d")
    assert code == 0, err
    with segyio.open(tmp_path / "d/dream.sgy", ignore_geometry=True) as file:
        assert file.tracecount == np.load(tmp_path / "d/dream.npy").shape[1]


def test_rock_properties_are_written_as_segy_too(seisdream, shared, tmp_path):
    path = copied_segy(shared, tmp_path, "F3_very_small.sgy")
    words = ["dream", path, "--network", "gabor", "--parameterization", "impedance", "--segy", "section"]
    code, _, err = seisdream(*words, *QUICK, "--allow-undersized", "--out", tmp_path / "d", "--quiet")
    assert code == 0, err
    for name in ("dream-impedance", "dream"):
        values = np.load(tmp_path / "d" / f"{name}.npy")
        with segyio.open(tmp_path / "d" / f"{name}.sgy", ignore_geometry=True) as file:
            written = np.array(file.trace.raw[:]).T
        # The top is muted: zero in the dream, and a number that stands for no rock.
        expected = np.where(np.isnan(values), ABSENT_ROCK, values)
        np.testing.assert_allclose(written, expected, rtol=1e-5, atol=1e-3 * np.nanstd(values))


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


@pytest.mark.parametrize("name", ["fourier", "phase", "bandlimited", "reflectivity", "impedance"])
def test_every_parameterization_is_written_and_replayed(seisdream, array, tmp_path, name):
    layer = "stage1/pooled - 0.1*penalty:distance"
    words = ["dream", array, "--network", "gabor", "--parameterization", name, "--dt-ms", "4", "--layer", layer]
    code, out, err = seisdream(*words, *QUICK, "--out", tmp_path / "d", "--json")
    assert code == 0, err
    summary = json.loads(out)
    files = {Path(path).name for path in summary["files"]}
    rock = {"dream-impedance.npy", "dream-vp.npy", "dream-density.npy", "dream-rock.png"}
    assert (
        files >= {"dream-reflectivity.npy", "wavelet.npy"}
        if name in ("reflectivity", "impedance")
        else not files & rock
    )
    assert files >= rock if name == "impedance" else not files & rock
    agreement = summary["result"]["repeatability"]
    assert agreement["result"]["correlation"] > 0.5 if "wavelet.npy" in files else not agreement
    assert seisdream("replay", tmp_path / "d", "--quiet")[0] == 0


def test_a_dream_on_noise_has_a_size_and_a_seed(seisdream, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["dream", "noise:64x72", "--network", "gabor", "--parameterization", "phase", *QUICK, "--quiet"]
    assert seisdream(*words, "--seed", 3)[0] == 0
    assert np.load("noise-64x72.dream/dream.npy").shape == (64, 72)
    assert seisdream("replay", "noise-64x72.dream", "--quiet")[0] == 0
    assert seisdream(*words, "--seed", 4, "--out", "other")[0] == 0
    assert not np.array_equal(np.load("other/dream.npy"), np.load("noise-64x72.dream/dream.npy"))


def test_a_reference_section_gives_its_spectrum_and_is_replayed(seisdream, array, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    words = ["dream", "noise:64x72", "--network", "gabor", "--parameterization", "fourier", *QUICK]
    assert seisdream(*words, "--reference-section", array, "--out", "d", "--quiet")[0] == 0
    assert seisdream("replay", "d", "--quiet")[0] == 0
    assert refused(*words, "--reference-section", "none.npy", "--out", "e") == ("not-found", "--reference-section")


def test_a_network_of_the_users_own_comes_from_a_function(seisdream, array, tmp_path, monkeypatch, refused):
    (tmp_path / "mynets.py").write_text(
        "import torch\n"
        "def small():\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU())\n"
    )
    monkeypatch.chdir(tmp_path)
    normalisation = ["--input-order", "grey", "--input-scale", "0.00784", "--input-mean", "1.0"]
    refused("dream", array, *QUICK, "--network", "mynets:small", "--layer", "1")
    code, _, err = seisdream("dream", array, *QUICK, "--network", "mynets:small", "--layer", "1:2", *normalisation)
    assert code == 0, err
    record = json.loads(Path(f"{array}.dream/recipe.json").read_text())
    assert record["settings"]["network_options"]["mean"] == [1.0]
    assert refused("replay", f"{array}.dream") == ("untrusted", "--trust")
    assert seisdream("replay", f"{array}.dream", "--trust", "mynets:small")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "option"),
    [
        (["nowhere.sgy"], "not-found", "INPUT"),
        (["sample:f4"], "unknown-name", None),
        (["sample:built-in", "--network", "gabbor"], None, None),
        (["sample:built-in", "--layer", "stage9"], "unknown-name", None),
        (["sample:built-in", "--network", "gabor", "--layer", "stage1/filters:9999"], "unknown-name", None),
        (["sample:built-in", "--network", "gabor", "--layer", "class:salt"], "no-labels", None),
        (["sample:built-in", "--layer", "diversity:enc4"], "incompatible", "--variants"),
        (["sample:built-in", "--octaves", "0"], "out-of-range", "--octaves"),
        (["sample:built-in", "--octaves", "30"], "too-small", "--octaves"),
        (["sample:built-in", "--inline", "3"], "incompatible", "--inline"),
        (["sample:built-in", "--mask", "time=9000:9100"], "out-of-range", None),
        (["sample:built-in", "--device", "tpu"], "not-found", "--device"),
        (["sample:built-in", "--input-scale", "2"], None, None),
        (["sample:built-in", "--transforms", "shear=9"], "out-of-range", "--transforms"),
        (["sample:built-in", "--parameterization", "bandlimited", "--band", "60-8-12-80"], "out-of-range", "--band"),
        (["sample:built-in", "--band", "8-12-60-80"], "incompatible", "--band"),
    ],
)
def test_what_cannot_be_dreamed_is_refused_and_nothing_is_written(tmp_path, monkeypatch, refused, words, code, option):
    monkeypatch.chdir(tmp_path)
    found = refused("dream", *words)
    assert found == (code or found[0], option or found[1])
    assert list(tmp_path.iterdir()) == []


def test_the_output_is_never_the_input(array, refused):
    assert refused("dream", array, *QUICK, "--out", array, "--force")[0] in ("exists", "not-ours")
