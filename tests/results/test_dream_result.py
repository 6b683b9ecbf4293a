"""A dream's folder: its files, provenance, SEG-Y, films, cubes and variants."""

import csv
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import segyio
import xarray as xr

from errors import raises
from segy_files import make_segy, numbered, ramp
from seisdream.io.images import open_image, read_png_text
from seisdream.io.segy import SegyVolume, open_segy, read_text_header
from seisdream.plotting import films
from seisdream.results.dream_result import ABSENT_ROCK, check_room, segy_unavailable_reason
from seisdream.results.load import load_result
from seisdream.seismic.cubes import make_cube
from seisdream.seismic.sections import make_section
from small_results import FewSettings

FRAMES = [np.full((64, 96, 3), level, np.uint8) for level in (0, 100, 200)]


def names_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def record_of(folder, name="recipe.json"):
    return json.loads((folder / name).read_text("utf-8"))


def test_a_section_has_the_fixed_files(section, make_dream, tmp_path):
    files = make_dream(section).save(tmp_path / "out")
    expected = [
        "dream-figure.png",
        "dream.npy",
        "dream.png",
        "index.html",
        "levels/dream-01.png",
        "recipe.json",
        "scores.csv",
    ]
    assert names_of(tmp_path / "out") == expected
    assert sorted(files) == [tmp_path / "out" / name for name in expected]
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "dream.npy"), section.values + 1)
    with (tmp_path / "out" / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["score"] for row in rows] == ["1.0", "2.0"]
    assert list(rows[0]) == ["level", "octave", "step", "score", "milliseconds"]


def test_provenance_is_in_the_json_file_and_in_every_picture(section, make_dream, tmp_path):
    dream = make_dream(section)
    dream.save(tmp_path / "out")
    record = record_of(tmp_path / "out")
    assert record["kind"] == "dream"
    assert record["notes"] == ["a note"]
    assert record["input"]["credit"] == "Someone"
    assert record["settings_sha256"] == FewSettings().sha256()
    assert record["written"]["by"] == "seisdream"
    for name in ("dream.png", "dream-figure.png", "levels/dream-01.png"):
        inside = json.loads(read_png_text(tmp_path / "out" / name)["seisdream"])
        assert inside == dream.provenance | {"notes": ["a note"]}


def test_nothing_is_overwritten_without_force(section, make_dream, tmp_path):
    make_dream(section).save(tmp_path / "out")
    with raises("exists"):
        make_dream(section).save(tmp_path / "out")
    make_dream(section).save(tmp_path / "out", force=True)
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with raises("not-ours"):
        make_dream(section).save(tmp_path / "out", force=True)
    assert (tmp_path / "out" / "mine.txt").exists()


def test_segy_changes_only_the_dreamed_samples(segy_section, make_dream, tmp_path):
    make_dream(segy_section).save(tmp_path / "whole")
    source = tmp_path / "volume.sgy"
    path = tmp_path / "whole" / "dream.sgy"
    assert path.stat().st_size == source.stat().st_size
    np.testing.assert_array_equal(open_segy(path, inline=11).values, segy_section.values + 1)
    np.testing.assert_array_equal(open_segy(path, inline=10).values, open_segy(source, inline=10).values)
    line = next(line for line in read_text_header(path) if "DREAMED BY SEISDREAM" in line)
    assert record_of(tmp_path / "whole")["settings_sha256"][:16] in line
    with segyio.open(path, strict=False) as file:
        first, second = segyio.tools.wrap(file.text[0]).splitlines()[:2]
    assert first.startswith("C 1 A NETWORK'S DREAM, NOT RECORDED DATA")
    assert second.startswith("C 2 NOT RECORDED DATA: NETWORK gabor LAYER ")
    assert "SEED " in second
    make_dream(segy_section).save(tmp_path / "section", segy="section")
    assert (tmp_path / "section" / "dream.sgy").stat().st_size == 3600 + 5 * (240 + 4 * 32)
    make_dream(segy_section).save(tmp_path / "none", segy="none")
    assert "dream.sgy" not in names_of(tmp_path / "none")


@pytest.mark.parametrize("changes", [{"zoom": 0.05, "levels": 2}, {"colour": True}])
def test_a_zoomed_or_coloured_dream_has_no_segy_and_a_note(segy_section, make_dream, tmp_path, changes):
    settings = FewSettings(**changes)
    dream = make_dream(segy_section, settings=settings)
    dream.save(tmp_path / "out")
    assert "dream.sgy" not in names_of(tmp_path / "out")
    assert dream.notes[-1] == segy_unavailable_reason(settings)
    assert record_of(tmp_path / "out")["notes"] == dream.notes


def test_clipped_integers_are_noted(tmp_path, make_dream):
    path = make_segy(tmp_path / "line.sgy", np.full((8, 32), 32767), sample_format=3)
    dream = make_dream(open_segy(path))
    dream.save(tmp_path / "out")
    assert any("clipped" in note for note in record_of(tmp_path / "out")["notes"])


@pytest.mark.drawn
def test_rock_is_written_as_arrays_segy_and_a_figure(segy_section, make_dream, tmp_path):
    rock = segy_section.copy(data=np.full(segy_section.shape, 5.0, np.float32))
    rock.attrs = {"units": "10⁶ kg m⁻² s⁻¹", "long_name": "impedance"}
    rock[:, 0] = np.nan
    variables = {"impedance": rock, "impedance_before": rock, "reflectivity": rock}
    make_dream(segy_section, variables=variables, wavelet=np.ones(9, np.float32)).save(tmp_path / "out")
    names = names_of(tmp_path / "out")
    assert {
        "dream-impedance.npy",
        "dream-impedance.sgy",
        "dream-reflectivity.npy",
        "dream-rock.png",
        "wavelet.npy",
    } <= set(names)
    assert "impedance-before.npy" not in names
    impedance = open_segy(tmp_path / "out" / "dream-impedance.sgy", inline=11).values
    assert (impedance[:, 0] == ABSENT_ROCK).all()
    assert (impedance[:, 1:] == 5.0).all()
    lines = " ".join(read_text_header(tmp_path / "out" / "dream-impedance.sgy"))
    assert "DREAMED IMPEDANCE 1E6 kg m-2 s-1" in lines
    assert "NOT RECORDED DATA" in lines[:80]


def test_the_title_of_every_figure_states_that_it_is_a_dream(section, make_dream):
    assert make_dream(section).plot().get_suptitle().startswith("A network's dream, not recorded data. ")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"parameterization": "fourier"}, ["gabor", "bank"]),
        ({"parameterization": "pixel"}, ["gabor", "bank", "pixel"]),
        ({"parameterization": "fourier", "seed": 3}, ["gabor", "bank", "seed 3"]),
        ({"parameterization": "fourier", "steps": 20}, ["gabor", "bank"]),
        ({"parameterization": "fourier", "steps": 1}, ["gabor", "bank", "1 step"]),
    ],
)
def test_titles_state_what_is_not_the_default(section, make_dream, settings, words):
    title = make_dream(section, settings=FewSettings(**settings)).plot().get_suptitle()
    assert title.rpartition(": ")[2].split(", ") == words


def test_films_are_written_where_frames_were_recorded(section, make_dream, tmp_path, monkeypatch):
    make_dream(section, frames=FRAMES).save(tmp_path / "out")
    assert {"dream.gif", "dream.mp4"} <= set(names_of(tmp_path / "out"))
    monkeypatch.setattr(films, "find_ffmpeg", lambda: None)
    dream = make_dream(section, frames=FRAMES)
    dream.save(tmp_path / "without")
    assert "dream.mp4" not in names_of(tmp_path / "without")
    assert any("dream.mp4" in note for note in record_of(tmp_path / "without")["notes"])


def test_pictures_and_colours_are_written_pixel_for_pixel(make_dream, tmp_path):
    picture = make_section(np.random.default_rng(0).integers(0, 255, (30, 40)).astype(np.uint8))
    make_dream(picture).save(tmp_path / "grey")
    np.testing.assert_array_equal(open_image(tmp_path / "grey" / "dream.png").values, picture.values + 1)
    colours = make_section(np.zeros((30, 40, 3)), value_range=(0, 255))
    coloured = make_dream(colours)
    coloured.dataset = coloured.dataset.assign(before=picture)
    coloured.source = picture
    coloured.save(tmp_path / "colour")
    assert open_image(tmp_path / "colour" / "dream.png").shape == (30, 40, 3)


@pytest.fixture
def cube(tmp_path, make_dream):
    path = make_segy(tmp_path / "cube.sgy", ramp(12, 16), words=numbered([1, 2, 3], [7, 8, 9, 10]))
    volume = SegyVolume(path)
    values = np.stack([volume.open(inline).values for inline in volume.inlines], axis=1)
    coords = {"time": volume.open(1)["time"].values, "inline": [1, 2, 3], "crossline": [7, 8, 9, 10]}
    array = xr.DataArray(values, dims=("time", "inline", "crossline"), coords=coords)
    source = make_cube(array, source=str(path), format="SEG-Y")
    return make_dream(source, volume=volume, level_images=[], frames=FRAMES)


@pytest.mark.drawn
def test_a_cube_is_written_with_scores_film_and_segy(cube, tmp_path):
    cube.save(tmp_path / "out")
    assert names_of(tmp_path / "out") == [
        "dream-figure.png",
        "dream-slices.png",
        "dream.gif",
        "dream.mp4",
        "dream.npy",
        "dream.sgy",
        "index.html",
        "recipe.json",
        "scores.csv",
    ]
    assert np.load(tmp_path / "out" / "dream.npy").shape == (3, 4, 16)
    written = SegyVolume(tmp_path / "out" / "dream.sgy").open(2).values
    np.testing.assert_array_equal(written, cube.volume.open(2).values + 1)


def test_a_cube_has_no_section_to_write_alone(cube, tmp_path):
    with raises("not-supported", "segy"):
        cube.save(tmp_path / "out", segy="section")
    with raises("not-supported", "segy"):
        check_room(tmp_path, source=cube.source, settings=FewSettings(), volume=cube.volume, segy="section")
    with raises("out-of-range", "segy"):
        cube.save(tmp_path / "out", segy="some")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("parameterization", ["pixel", "impedance"])
def test_a_full_disk_is_found_before_the_dream(segy_section, tmp_path, monkeypatch, parameterization):
    size = (tmp_path / "volume.sgy").stat().st_size
    usage = SimpleNamespace(free=2 * size)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    settings = FewSettings(parameterization=parameterization)
    arguments = {"source": segy_section, "settings": settings}
    check_room(tmp_path / "new" / "out", segy="section", **arguments)
    if parameterization == "pixel":
        check_room(tmp_path / "new" / "out", **arguments)
        usage.free = size - 1
    with raises("too-large", "out"):
        check_room(tmp_path / "new" / "out", **arguments)


def test_variants_have_folders_of_their_own_and_one_figure(section, make_dream, tmp_path):
    variants = tuple(make_dream(section, settings=FewSettings(seed=seed)) for seed in (3, 4))
    whole = make_dream(section, variants=variants)
    whole.save(tmp_path / "out")
    names = names_of(tmp_path / "out")
    assert [name for name in names if "/" not in name] == ["dream-variants.png", "index.html", "variants.json"]
    assert "1/recipe.json" in names
    assert "2/levels/dream-01.png" in names
    assert record_of(tmp_path / "out", "variants.json")["seeds"] == {"1": 3, "2": 4}
    assert [one["last_score"] for one in whole.summary()["result"]["variants"]] == [2.0, 2.0]
    loaded = load_result(tmp_path / "out")
    assert len(loaded.variants) == 2
    assert dict(loaded.dataset["dream"].sizes) == {"variant": 2, "time": 40, "trace": 60}


def test_the_summary_has_one_form(section, make_dream, tmp_path):
    dream = make_dream(section)
    summary = dream.summary(dream.save(tmp_path / "out"), tmp_path / "out")
    assert list(summary) == ["kind", "out", "files", "notes", "settings", "result"]
    assert summary["settings"]["layer"] == "bank"
    assert summary["result"]["first_score"] == 1.0
    assert summary["result"]["n_steps"] == 2
    assert json.loads(json.dumps(summary)) == summary
