"""Units and samples are found from each other by where they lie."""

import numpy as np
import torch

import small_networks
from seisdream.inference.unit_grid import UnitGrid, interpolate_axis
from seisdream.models.layers import LayerInfo


def layer(stride, start):
    return LayerInfo("one", "Conv2d", 1, stride, (3, 3), start)


def test_centres_follow_start_and_stride():
    grid = UnitGrid.of(layer((4.0, 2.0), (1.5, 0.0)), (3, 4), (12, 8))
    np.testing.assert_array_equal(grid.centres(0), [1.5, 5.5, 9.5])
    np.testing.assert_array_equal(grid.centres(1), [0.0, 2.0, 4.0, 6.0])
    np.testing.assert_array_equal(grid.positions(0, np.array([1.5, 3.5])), [0.0, 0.5])
    assert grid.nearest(0, np.array([0, 3, 4, 30])).tolist() == [0, 0, 1, 2]


def test_units_on_no_known_grid_divide_the_section_evenly():
    grid = UnitGrid.of(layer(None, None), (1, 4), (64, 80))
    assert grid.centres(0).tolist() == [31.5]
    assert grid.centres(1).tolist() == [9.5, 29.5, 49.5, 69.5]


def test_a_unit_for_each_sample_may_count_as_that_samples():
    info = layer((1.0, 1.0), (-1.5, -1.5))
    assert UnitGrid.of(info, (9, 9), (9, 9)).centres(0)[0] == -1.5
    assert UnitGrid.of(info, (9, 9), (9, 9), is_per_sample=True).centres(0)[0] == 0.0
    # With fewer units than samples there is no such assignment.
    assert UnitGrid.of(info, (8, 8), (9, 9), is_per_sample=True).centres(0)[0] == -1.5


def test_a_part_keeps_its_place():
    grid = UnitGrid((1.5, 0.0), (4.0, 2.0), (6, 5)).moved(100, 200)
    part = grid.part(slice(2, 5), slice(1, None))
    assert part.shape == (3, 4)
    np.testing.assert_array_equal(part.centres(0), grid.centres(0)[2:5])
    np.testing.assert_array_equal(part.centres(1), grid.centres(1)[1:])


def test_values_are_linear_between_centres_and_constant_beyond():
    grid = UnitGrid((1.0, 0.0), (2.0, 1.0), (3, 1))
    samples = grid.to_samples(torch.tensor([[10.0], [20.0], [40.0]]), (8, 2))
    assert samples[:, 0].tolist() == [10.0, 10.0, 15.0, 20.0, 30.0, 40.0, 40.0, 40.0]
    assert samples[:, 1].tolist() == samples[:, 0].tolist()


def test_interpolation_keeps_values_at_units():
    values = torch.randn(2, 5, 3)
    torch.testing.assert_close(interpolate_axis(values, 1, np.arange(5.0)), values)
    assert interpolate_axis(values, 2, np.array([-9.0, 0.5])).shape == (2, 5, 2)


def test_a_networks_grid_covers_what_it_was_computed_from():
    network = small_networks.pooled_network()
    grid = UnitGrid.of(network.layer("last"), (8, 10), (64, 80))
    assert -8 < grid.centres(0)[0] < 8
    assert 56 < grid.centres(0)[-1] < 72
