"""Notes of commands, and the order in which they refuse."""

import json

import numpy as np
import pytest
import segyio

from trained_files import write_unet

QUICK = ("--octaves", 1, "--steps", 1, "--jitter", 2, "--no-film")
COMMANDS = ("dream", "predict", "attribute", "activations")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_unet(tmp_path_factory.mktemp("networks") / "small.safetensors")


def words_of(name, line, network):
    """Return the words of a command on a line, without its output."""
    words = {
        "dream": ("dream", line, "--network", network, "--layer", "enc2", *QUICK),
        "predict": ("predict", line, "--network", network, "--augmentations", 0),
        "attribute": ("attribute", line, "--network", network, "--class", "salt", "--method", "lrp"),
        "activations": ("activations", line, "--network", network, "--layer", "enc2"),
    }
    return words[name]


def notes_of(seisdream, *words):
    """Return the notes of a command, which are in its JSON and on the error stream."""
    code, out, err = seisdream(*words, "--json")
    assert code == 0, err
    notes = json.loads(out)["notes"]
    assert err.count("Note: ") >= len(notes)
    return notes


@pytest.mark.parametrize("name", COMMANDS)
def test_options_and_input_are_checked_before_the_folder(seisdream, refused, array, network, tmp_path, name):
    words, out = words_of(name, array, network), tmp_path / ("out.npy" if name == "activations" else "out")
    assert seisdream(*words, "--out", out)[0] == 0
    not_finite = tmp_path / "nan.npy"
    np.save(not_finite, np.full((50, 60), np.nan, np.float32))
    wrong = {
        "dream": ("--layer", "class:sallt"),
        "predict": ("--tile", -1),
        "attribute": ("--class", "sallt"),
        "activations": ("--layer", "enc77"),
    }
    for given in (
        (*words, *wrong[name]),
        (*words, "--weights", tmp_path / "none.safetensors"),
        (*words, "--percentile", 0),
        (words[0], not_finite, *words[2:]),
    ):
        assert refused(*given, "--out", out)[0] != "exists", given
    assert refused(*words, "--out", out)[0] == "exists"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_note_names_the_section_that_was_chosen_from_a_stack(seisdream, network, tmp_path, name):
    stack = np.random.default_rng(0).normal(size=(5, 40, 40)).astype(np.float32)
    np.savez(tmp_path / "stack.npz", amplitude=stack, crossline=np.arange(700, 705), time_ms=np.arange(40) * 4)
    out = tmp_path / "out.npy" if name == "activations" else tmp_path / "out"
    words = (*words_of(name, tmp_path / "stack.npz", network), "--out", out, "--force")
    code, _, err = seisdream(*words)
    assert code == 0, err
    assert "holds several sections; this is crossline 702" in err
    assert "with --crossline N" in err
    assert not any("several sections" in note for note in notes_of(seisdream, *words, "--crossline", 701))


def test_a_volume_can_be_cut_along_other_axes_too(seisdream, network, shared, tmp_path):
    words = ("predict", shared / "data/segyio/f3.sgy", "--network", network, "--augmentations", 0)
    code, _, err = seisdream(*words, "--out", tmp_path / "p")
    assert (code, "this is inline 122" in err, "with --inline N or --time MS" in err) == (0, True, True)
    assert seisdream(*words, "--out", tmp_path / "p", "--quiet", "--force") == (0, "", "")


def test_muted_samples_are_noted_and_stay_zero(seisdream, network, shared, tmp_path):
    source = shared / "data/segyio/f3.sgy"
    words = ("dream", source, "--network", network, "--layer", "enc2", *QUICK, "--segy", "section")
    words = (*words, "--allow-undersized")
    assert any("muted" in note for note in notes_of(seisdream, *words, "--out", tmp_path / "d"))
    with segyio.open(source) as before, segyio.open(tmp_path / "d" / "dream.sgy") as after:
        before, after = before.iline[122].T, after.iline[122].T
    assert (before[:12] == 0).all()
    assert (after[:12] == 0).all()
    dreamed = np.load(tmp_path / "d" / "dream.npy")
    assert (dreamed[:12] == 0.0).all()
    assert (dreamed[30:] != before[30:]).mean() > 0.8
    notes = notes_of(seisdream, *words, "--muted", "present", "--out", tmp_path / "e")
    assert not any("muted" in note for note in notes)
    assert (np.load(tmp_path / "e" / "dream.npy")[:12] != 0.0).mean() > 0.5
    assert seisdream("replay", tmp_path / "e")[0] == 0


@pytest.mark.slow
def test_classes_of_one_survey_are_noted_on_other_data(seisdream, array, tmp_path):
    network = write_unet(tmp_path / "own.safetensors", survey="F3")
    for number, (words, is_noted) in enumerate(
        (
            (("predict", array, "--augmentations", 0), True),
            (("attribute", array, "--class", "salt", "--method", "lrp"), True),
            (("attribute", array, "--layer", "enc2:1", "--method", "lrp"), False),
            (("dream", array, "--layer", "class:salt", *QUICK), True),
            (("dream", array, "--layer", "enc2", *QUICK), False),
        )
    ):
        notes = notes_of(seisdream, *words, "--network", network, "--out", tmp_path / f"out{number}")
        assert any("one survey, F3" in note for note in notes) == is_noted, words
    array = array.rename(tmp_path / "f3_inline362.npy")
    words = ("predict", array, "--augmentations", 0, "--network", network, "--out", tmp_path / "f3")
    assert not any("survey" in note for note in notes_of(seisdream, *words))


@pytest.mark.slow
def test_an_attribution_of_the_whole_section_is_noted(seisdream, array, network, tmp_path):
    words = words_of("attribute", array, network)
    assert any("whole section" in note for note in notes_of(seisdream, *words, "--out", tmp_path / "a"))
    assert "--at" in seisdream(*words, "--out", tmp_path / "b")[2]
    for number, target in enumerate((("--at", "3,4"), ("--target-mask", "row=3:9"))):
        notes = notes_of(seisdream, *words, *target, "--out", tmp_path / str(number))
        assert not any("whole section" in note for note in notes)


@pytest.mark.parametrize("name", ["googlenet", "squeezenet1_1"])
def test_networks_of_photographs_are_refused_before_they_are_downloaded(refused, array, monkeypatch, name):
    def fetch(*_, **__):
        raise AssertionError("nothing is downloaded")

    monkeypatch.setattr("seisdream.models.weights.fetch", fetch)
    refused("predict", array, "--network", name)


@pytest.mark.parametrize(("change", "remark"), [(np.abs, "one sign"), (lambda values: values.clip(-1, 1), "clipped")])
def test_amplitudes_that_look_wrong_are_noted_by_every_command(seisdream, array, tmp_path, change, remark):
    np.save(array, change(np.load(array)))
    words = ("activations", array, "--network", "gabor", "--layer", "stage1/filters", "--out", tmp_path / "a.npy")
    assert sum(remark in note for note in notes_of(seisdream, *words)) == 1
