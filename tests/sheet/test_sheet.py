"""Sheets of small dreams: which part of a section they use, what their tiles are, and the commands that they name."""

import json
import shlex

import numpy as np
import pytest

from chromium import chromium, opened
from concept_files import write_concepts
from errors import raises
from seisdream.dreaming.dream import Dream
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping, make_section
from seisdream.sheet.settings import SheetSettings
from seisdream.sheet.sheet import Sheet, make_sheet
from trained_files import CLASSES, write_unet

QUICK = {"size": (24, 32), "steps": 1}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return load_network(str(write_unet(tmp_path_factory.mktemp("network") / "small.safetensors", widths=(4, 4))))


@pytest.fixture(scope="module")
def section():
    values = np.random.default_rng(0).normal(size=(80, 100)).astype(np.float32)
    values[50:60, 20:30] *= 20.0
    return make_section(values, dt_ms=4.0)


def test_the_part_is_like_the_whole_section_and_a_note_names_it(network):
    row, column = np.mgrid[:96, :160]
    # Beds dip one way, and the other way behind trace 80; below sample 60 they are 20 times as strong.
    beds = np.cos(0.8 * row + 0.3 * np.abs(column - 80)) * np.where(row < 60, 1.0, 20.0)
    section = make_section(beds.astype(np.float32), dt_ms=4.0)
    sheet = Sheet(section, network, SheetSettings(**QUICK))
    assert sheet.part.shape == (24, 32)
    assert abs(sheet.part.time.values.mean() / 4.0 - 60) <= 6
    assert abs(sheet.part.trace.values.mean() - 80) <= 6
    first, last = sheet.part.time.values[[0, -1]]
    assert f"time {first:g} to {last:g} ms, trace" in sheet.notes[0]


def test_the_part_lies_around_a_point(section, network):
    sheet = Sheet(section, network, SheetSettings(at=(99, 0), **QUICK))
    assert (sheet.part.time.values[0], sheet.part.trace.values[-1]) == (0, 100)
    with raises("out-of-range"):
        Sheet(section, network, SheetSettings(at=(500, 0), **QUICK))


def test_a_small_section_is_used_whole(section, network):
    sheet = Sheet(section, network, SheetSettings())
    assert sheet.part.shape == (80, 100)
    assert sheet.notes == []


def test_a_section_too_narrow_for_two_octaves_is_dreamed_in_one(network):
    narrow = make_section(np.random.default_rng(0).normal(size=(40, 10)).astype(np.float32), dt_ms=4.0)
    settings = {"steps": 1, "step_size": SheetSettings().step_size, "zoom": 0.0, "allow_undersized": True}
    tile = make_sheet(narrow, network, SheetSettings(objectives=("enc2",), steps=1)).tiles["enc2"]
    alone = Dream(narrow, network, "enc2", octaves=1, **settings).run().section
    np.testing.assert_allclose(tile.values, alone.values)


def test_there_is_a_tile_for_each_stage_and_class(section, network):
    sheet = Sheet(section, network, SheetSettings())
    assert sheet.objectives == ["enc1", "enc2", "dec1", *(f"class:{name}" for name in CLASSES)]


def test_concepts_have_tiles_whose_commands_name_them(section, network, tmp_path):
    write_concepts(tmp_path / "some.concepts", network, "enc2", ["", "slope + fan"])
    sheet = Sheet(section, network, SheetSettings(concepts=str(tmp_path / "some.concepts"), **QUICK))
    concepts = ["concept:enc2/0", 'concept:enc2/"slope + fan"']
    assert sheet.objectives[-2:] == concepts
    sheet.objectives = concepts
    assert list(sheet.draw()) == concepts
    words = shlex.split(sheet.command(concepts[1]))
    assert words[words.index("--concepts") + 1] == str(tmp_path / "some.concepts")
    assert "--concepts" not in sheet.command("enc2")


def test_a_tile_is_the_dream_of_its_objective_on_the_scale_of_the_whole_section(section, network):
    sheet = make_sheet(section, network, SheetSettings(objectives=("enc1", "class:salt"), seed=3, **QUICK))
    run = Dream(
        sheet.part, network, "class:salt", mapping=GreyMapping.of(section), octaves=2, steps=1, step_size=4, seed=3,
        allow_undersized=True,
    ).run()  # fmt: skip
    np.testing.assert_allclose(sheet.tiles["class:salt"], run.section, rtol=1e-6)
    assert not np.allclose(sheet.tiles["enc1"], run.section)


def test_classes_by_the_hundred_have_no_tiles(section, tmp_path):
    names = [f"class {number}" for number in range(30)]
    colours = ["#000000"] * 30
    many = load_network(str(write_unet(tmp_path / "many.safetensors", names, colours, widths=(4, 4))))
    sheet = Sheet(section, many, SheetSettings())
    assert sheet.objectives == ["enc1", "enc2", "dec1", "logits"]
    assert "30 classes" in sheet.notes[0]


def test_the_folder_has_a_page_and_a_picture_and_its_commands_run(section, network, tmp_path):
    np.save(tmp_path / "a line.npy", section.values)
    from seisdream.io.inputs import open_section

    opened = open_section(str(tmp_path / "a line.npy"), dt_ms=4.0)
    sheet = make_sheet(opened, network, SheetSettings(objectives=("class:channel fill",), **QUICK))
    files = sheet.save(tmp_path / "sheet")
    assert {file.name for file in files} == {"index.html", "sheet.png", "sheet.json"}
    command = json.loads((tmp_path / "sheet" / "sheet.json").read_text())["result"]["tiles"]["class:channel fill"]
    assert shlex.split(command) == [
        *("seisdream", "dream", str(tmp_path / "a line.npy"), "--dt-ms", "4", "--network", network.name),
        *("--layer", "class:channel fill"),
    ]
    page = (tmp_path / "sheet" / "index.html").read_text(encoding="utf-8")
    assert "unsafe-inline" not in page
    assert "default-src 'none'" in page


@pytest.mark.slow
def test_the_page_has_a_command_for_each_tile_and_blinks(section, network, tmp_path):
    make_sheet(section, network, SheetSettings(objectives=("enc1", "class:salt"), **QUICK)).save(tmp_path / "sheet")
    record = json.loads((tmp_path / "sheet" / "sheet.json").read_text())
    with chromium() as browser, opened(browser, (tmp_path / "sheet" / "index.html").as_uri()) as page:
        assert page.locator(".tiles figcaption strong").all_inner_texts() == ["Input", "enc1", "class:salt"]
        assert page.locator(".tiles pre").all_inner_texts() == list(record["result"]["tiles"].values())
        source = "[...document.querySelectorAll('.tiles img')].map((one) => one.src)"
        first, *dreams = page.evaluate(source)
        assert len({first, *dreams}) == 3
        page.keyboard.press("b")
        assert page.evaluate(source) == [first] * 3
        page.keyboard.press("b")
        assert page.evaluate(source) == [first, *dreams]
