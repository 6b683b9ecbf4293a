"""`seisdream info`, `networks`, `layers` and `activations`."""

import json

import numpy as np
import pytest

from segy_files import make_segy, ramp


def test_info_describes_a_segy_file_and_names_what_looks_wrong(seisdream, shared):
    code, out, _ = seisdream("info", shared / "data/31_81_PR.sgy", "--json")
    described = json.loads(out)["result"]
    assert (code, described["kind"], described["traces"], described["samples"]) == (0, "2-D line", 534, 1501)
    assert len(described["text_header"]) == 40
    assert all(set(problem) == {"what", "fix", "is_fatal"} for problem in described["problems"])
    code, out, _ = seisdream("info", shared / "data/F3_very_small.sgy")
    assert (code, "ascii" in out, "RMS" in out) == (0, True, True)


def test_info_names_the_line_that_a_file_holds(seisdream, tmp_path):
    path = make_segy(tmp_path / "a.sgy", ramp(20, 6), words={189: 104, 193: np.arange(300, 320)})
    described = json.loads(seisdream("info", path, "--json")[1])["result"]
    assert (described["kind"], described["inline"]) == ("single inline", "104 (byte 189)")
    assert described["crosslines"] == "300 to 319 (20, step 1) (byte 193)"
    assert described["geometry"].endswith("put 20 traces along one inline")


def test_info_names_options_as_the_command_line_has_them(seisdream, shared):
    code, out, _ = seisdream("info", shared / "data/segyio/shot-gather.sgy")
    assert (code, "pre-stack" in out, "Must be fixed" in out) == (0, True, True)
    assert "`" not in out


def test_info_describes_an_array(seisdream, array):
    code, out, _ = seisdream("info", array)
    assert (code, "80 row × 90 column" in out, "Nothing looks wrong" in out) == (0, True, True)


def test_info_ends_with_remarks_after_the_written_lines_of_the_text_header(seisdream, shared):
    lines = seisdream("info", shared / "data/F3_very_small.sgy")[1].splitlines()
    header = lines[lines.index("Text header:") + 1 :]
    assert header[:2] == ["C01  Created by: OpendTect     (Thu 27 Aug 2015, 14:47:17)", "C02  Survey: 'F3 Demo'"]
    assert header[2].startswith("C07  Positions")
    assert header[-2:] == ["", "Nothing looks wrong."]


def test_info_leaves_out_the_text_header(seisdream, shared):
    assert "Text header" not in seisdream("info", shared / "data/31_81_PR.sgy", "--no-text")[1]


def test_a_shot_gather_is_refused(shared, tmp_path, refused):
    assert refused("dream", shared / "data/segyio/shot-gather.sgy", "--out", tmp_path / "d")[0] == "not-supported"
    assert not (tmp_path / "d").exists()


def test_networks_are_listed(seisdream):
    code, out, _ = seisdream("networks")
    assert (code, "gabor" in out, "googlenet" in out) == (0, True, True)
    assert "classes: parallel-high, parallel-low" in out
    listed = json.loads(seisdream("networks", "--json")[1])["result"]["networks"]
    assert all(one["name"] and one["description"] for one in listed)


def test_layers_are_listed_with_strides_and_receptive_fields(seisdream, shared):
    weights = shared / "weights/bvlc_googlenet.safetensors"
    code, out, _ = seisdream("layers", "googlenet", "--weights", weights)
    assert (code, "bgr" in out, "(default)" in out) == (0, True, True)
    line = next(line for line in out.splitlines() if line.startswith("inception_4c/output"))
    assert line.split()[1:9] == ["512", "16", "×", "16", "299", "×", "299", "Concatenation"]
    rows = json.loads(seisdream("layers", "gabor", "--json")[1])["result"]["layers"]
    assert all(row["channels"] > 0 for row in rows)


@pytest.mark.parametrize("words", [("networks",), ("layers", "gabor"), ("info", "sample:built-in")])
def test_look_ups_print_the_keys_of_all_commands(seisdream, words):
    printed = json.loads(seisdream(*words, "--json")[1])
    assert (list(printed), printed["kind"]) == (["kind", "out", "files", "notes", "settings", "result"], words[0])


def test_activations_come_with_their_positions(seisdream, shared, tmp_path, refused):
    out = tmp_path / "what.npy"
    words = ["activations", shared / "data/f3_inline362.npz", "--key", "amplitude", "--out", out]
    code, printed, err = seisdream(*words, "--json")
    assert code == 0, err
    values, positions = np.load(out), np.load(tmp_path / "what.positions.npz")
    summary = json.loads(printed)
    assert (summary["kind"], summary["result"]["shape"]) == ("activations", list(values.shape))
    assert summary["files"] == [str(out), str(tmp_path / "what.positions.npz")]
    assert values.dtype == np.float32
    assert values.shape[1:] == (len(positions["row"]), len(positions["column"]))
    assert positions["crossline"][0] >= 300
    assert np.allclose(np.diff(positions["time"]), 4.0 * np.diff(positions["row"]))
    assert refused(*words)[0] == "exists"


def test_activations_are_written_to_a_file_named_like_the_layer(seisdream, array, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("activations", array, "--network", "gabor", "--layer", "stage1/pooled")
    code, out, err = seisdream(*words)
    assert code == 0, err
    given = ("--percentile", 95, "--precision", "bfloat16", "--device", "cpu")
    code, summary, _ = seisdream(*words, *given, "--out", "other.npy", "--json")
    assert (code, json.loads(summary)["settings"]) == (
        0, {"layer": "stage1/pooled", "percentile": 95.0, "precision": "bfloat16", "device": "cpu"}
    )  # fmt: skip
    assert (tmp_path / "stage1-pooled.npy").exists()
    assert "stage1-pooled.positions.npz" in out


@pytest.mark.parametrize("words", [("--layer", "stage9"), ("--nan", "zero"), ("--inline", 3)])
def test_activations_are_refused_before_anything_is_written(array, tmp_path, refused, words):
    assert refused("activations", array, "--network", "gabor", *words, "--out", tmp_path / "a.npy")[0] != "exists"
    assert not (tmp_path / "a.npy").exists()


def test_info_remarks_on_clipped_and_one_signed_amplitudes(seisdream, tmp_path):
    values = np.random.default_rng(0).normal(size=(100, 80)).astype(np.float32)
    for name, samples, remark in (
        ("clipped", values.clip(-1, 1), f"{int((abs(values) >= 1).sum())} samples have exactly the smallest"),
        ("envelope", abs(values), "All samples have one sign"),
        ("good", values, "Nothing looks wrong."),
    ):
        np.save(tmp_path / f"{name}.npy", samples)
        code, out, _ = seisdream("info", tmp_path / f"{name}.npy", "--dt-ms", 4)
        assert (code, remark in out) == (0, True), name


def test_strengths_of_concepts_are_written_as_activations(seisdream, refused, array, tmp_path):
    folder, out = tmp_path / "gabor.concepts", tmp_path / "strengths.npy"
    how = ("--concepts", 2, "--no-dreams", "--no-control", "--dt-ms", 4, "--layer", "stage2/rectified")
    assert seisdream("concepts", "gabor", "--data", array, *how, "--out", folder)[0] == 0
    words = ("activations", array, "--network", "gabor", "--concepts", folder, "--dt-ms", 4, "--out", out)
    code, printed, err = seisdream(*words)
    assert code == 0, err
    assert "stage2/rectified of gabor, 2 × " in printed
    np.testing.assert_allclose(np.load(out), np.load(folder / "map.npy"), rtol=1e-5)
    assert refused(*words, "--layer", "stage1/rectified", "--force") == ("incompatible", "--layer")


def test_strengths_of_concepts_are_segy_where_the_section_is(seisdream, shared, tmp_path):
    import seisdream as sd

    line, folder, out = shared / "data/F3_very_small.sgy", tmp_path / "gabor.concepts", tmp_path / "strengths.npy"
    how = ("--concepts", 2, "--no-dreams", "--no-control", "--layer", "stage1/rectified")
    assert seisdream("concepts", "gabor", "--data", line, *how, "--out", folder)[0] == 0
    words = ("activations", line, "--network", "gabor", "--concepts", folder, "--out", out)
    code, _, err = seisdream(*words)
    assert code == 0, err
    # A unit of this layer is a sample.
    written = sd.open_section(tmp_path / "strengths-concept-1.sgy")
    np.testing.assert_allclose(written.values, np.load(out)[1], rtol=1e-3, atol=1e-6)
    assert written.shape == sd.open_section(str(line)).shape
    assert not list(tmp_path.glob("*concept-2*"))
