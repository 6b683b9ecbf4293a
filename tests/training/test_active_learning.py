"""Lines to label next have high entropy and are far apart."""

from errors import raises
from seisdream.training.active_learning import evenly_spaced, select_lines


def test_lines_of_high_entropy_are_chosen_far_from_each_other_and_from_labelled_ones():
    numbers = list(range(0, 101, 10))
    entropies = [0.0, 0.0, 0.0, 0.0, 0.7, 0.6, 0.0, 0.0, 0.8, 0.9, 0.5]
    # Half the distance of three even lines is 17: 80 is too near to 90, and 40 is far enough from 0.
    assert select_lines(entropies, numbers, [0], 2) == [90, 40]
    assert select_lines(entropies, numbers, [50], 1) == [90]


def test_the_distance_shrinks_where_no_line_is_far_enough():
    assert sorted(select_lines([0.1, 0.2, 0.3], [1, 2, 3], [2], 2)) == [1, 3]
    with raises("out-of-range"):
        select_lines([0.1, 0.2, 0.3], [1, 2, 3], [2], 3)


def test_evenly_spaced_lines_are_in_the_middle_of_equal_parts():
    assert evenly_spaced(range(10), 1) == [5]
    assert evenly_spaced(range(10), 5) == [1, 3, 5, 7, 9]
    with raises("out-of-range"):
        evenly_spaced(range(10), 11)
