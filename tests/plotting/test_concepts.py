"""Concepts as pictures: where they are in a patch, patches that are missing, and maps on the section."""

import numpy as np
import xarray as xr

import seisdream as sd
from seisdream.plotting.concepts import SIDE, concept_strips, facts_of

CORNER = [255, 160, 30]


def test_corners_mark_the_middle_third_and_a_missing_patch_is_white():
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 256, (1, 2, 30, 30)).astype(np.uint8)
    patches[0, 1] = 127
    section = sd.make_section(rng.normal(size=(20, 40)).astype(np.float32), dt_ms=4.0)
    strength = np.zeros((1, 20, 40), np.float32)
    strength[0, 5, 30] = 2.0
    dims = ("concept", "time", "trace")
    map_ = xr.DataArray(strength, dims=dims, coords={dim: section[dim] for dim in dims[1:]})
    dataset = xr.Dataset({"patches": (("concept", "patch", "patch_row", "patch_column"), patches), "map": map_})
    (strip,) = concept_strips(dataset, section)
    rows, columns = np.nonzero((strip[:, :SIDE] == CORNER).all(2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (35, 69, 35, 69)
    assert not ((rows > 45) & (rows < 60) & (columns > 45) & (columns < 60)).any()
    assert (strip[:, SIDE + 6 : 2 * SIDE + 6] == 255).all()
    drawn = strip[:, 2 * (SIDE + 6) :]
    row, column = np.unravel_index(np.ptp(drawn.astype(int), axis=2).argmax(), drawn.shape[:2])
    assert abs(row / SIDE - 5.5 / 20) < 0.05
    assert abs(column / drawn.shape[1] - 30.5 / 40) < 0.05


def test_facts_leave_out_what_a_concept_does_not_raise():
    row = {"share": 0.12, "halves": 0.9, "importance": {"salt": 0.2, "chaotic": 0.001, "clinoforms": -0.5}}
    assert facts_of(row) == "12 %; reproduces 0.90; raises salt +0.20"
    del row["importance"]
    assert facts_of(row) == "12 %; reproduces 0.90"
