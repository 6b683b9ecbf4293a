"""Planted patterns are found in any order of parts and lines."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisdream.channels.top_activations import TopKPatches
from seisdream.inference.recorder import ActivationRecorder, UnitActivations
from seisdream.inference.unit_grid import UnitGrid
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import GreyMapping, make_section
from small_networks import linear_network

NOTHING = np.zeros((60, 80), bool)


def units_of(values, start=(0.0, 0.0)):
    values = torch.as_tensor(values, dtype=torch.float32)
    return UnitActivations(values, UnitGrid(start, (1.0, 1.0), tuple(values.shape[1:])))


def test_a_planted_pattern_is_found_where_it_is_the_strongest_first():
    rng = np.random.default_rng(0)
    pattern = rng.standard_normal((7, 7)).astype(np.float32)
    pattern -= pattern.mean()
    values = 0.1 * rng.standard_normal((60, 80)).astype(np.float32)
    planted = {(10, 20): 3.0, (40, 15): 2.0, (30, 60): 4.0}
    for (row, column), size in planted.items():
        values[row : row + 7, column : column + 7] += size * pattern
    line = make_section(values, dt_ms=4.0)
    network = linear_network(pattern)
    recorder = ActivationRecorder(PreparedNetwork(network), ["filter"])
    most = TopKPatches(1, 3, (7, 7), (0,))
    for _, recorded in recorder.record(line, GreyMapping(-20.0, 20.0)):
        most.update(0, recorded["filter"], NOTHING)
    found = most.locations()[0]
    assert [(place.row, place.column) for place in found] == [(30, 60), (10, 20), (40, 15)]
    assert found[0].value > found[1].value > found[2].value > 0


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_no_two_patches_overlap_and_none_leaves_the_line(seed, n_kept):
    rng = np.random.default_rng(seed)
    most = TopKPatches(2, n_kept, (9, 12), (0, 4, 30))
    for line in range(3):
        most.update(line, units_of(rng.standard_normal((2, 60, 80))), NOTHING)
    at = (0, 4, 30)
    for places in most.locations():
        assert len(places) == n_kept
        assert all(0 <= one.row <= 60 - 9 and 0 <= one.column <= 80 - 12 for one in places)
        for place, one in enumerate(places):
            for other in places[:place]:
                assert (
                    abs(one.row - other.row) >= 9
                    or abs(one.column - other.column) >= 12
                    or abs(at[one.line] - at[other.line]) >= 12
                )


def test_parts_of_a_line_give_the_same_as_the_whole():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((3, 60, 80)).astype(np.float32)
    whole, parts = (TopKPatches(3, 4, (8, 8), (0,)) for _ in range(2))
    whole.update(0, units_of(values), NOTHING)
    for rows in (slice(0, 25), slice(25, 60)):
        for columns in (slice(0, 33), slice(33, 80)):
            part = units_of(values[:, rows, columns], (rows.start, columns.start))
            parts.update(0, part, NOTHING)
    assert whole.locations() == parts.locations()
    # The same by brute force: the strongest, then the strongest that does not overlap it, and so on.
    for channel, places in enumerate(whole.locations()):
        left = np.full((60, 80), -np.inf)
        left[3:56, 3:76] = values[channel, 3:56, 3:76]  # Where a patch of eight fits.
        for place in places:
            row, column = np.unravel_index(left.argmax(), left.shape)
            assert (place.row, place.column) == (row - 3, column - 3)
            left[max(0, row - 7) : row + 8, max(0, column - 7) : column + 8] = -np.inf


def test_absent_samples_and_silent_channels_have_no_patches():
    values = np.zeros((2, 60, 80), np.float32)
    values[0, 30, 40], values[0, 10, 10] = 5.0, 9.0
    absent = NOTHING.copy()
    absent[:, 10] = True
    most = TopKPatches(2, 3, (5, 5), (0,))
    most.update(0, units_of(values), absent)
    assert [[(one.row, one.column, one.value) for one in places] for places in most.locations()] == [
        [(28, 38, 5.0)],
        [],
    ]


def test_a_body_through_a_volume_is_one_patch_and_resuming_changes_nothing():
    values = np.zeros((1, 60, 80), np.float32)
    values[0, 30, 40] = 5.0
    once, again = (TopKPatches(1, 3, (10, 10), tuple(range(25))) for _ in range(2))
    for line in range(25):
        once.update(line, units_of(values * (1 + (line == 12))), NOTHING)
    for line in range(25):
        resumed = TopKPatches(1, 3, (10, 10), tuple(range(25)))
        resumed.resume(again.state())
        resumed.update(line, units_of(values * (1 + (line == 12))), NOTHING)
        again = resumed
    assert [one.line for one in once.locations()[0]] == [12, 0, 22]
    assert again.locations() == once.locations()


def test_a_partly_muted_patch_is_left_out():
    values, absent = np.zeros((1, 60, 80)), np.zeros((60, 80), bool)
    absent[:10] = True
    values[0, 12, 40], values[0, 30, 20] = 5.0, 1.0  # The first lies below the mute, but half of its patch does not.
    most = TopKPatches(1, 1, (11, 11), (0,))
    most.update(0, units_of(values), absent)
    ((place,),) = most.locations()
    assert (place.row, place.column, place.value) == (25, 15, 1.0)
