"""Lines to label next lie apart and where doubt is greatest."""

import pytest

from seisdream.errors import SeisdreamError
from seisdream.training.active_learning import evenly, select_lines


def test_the_most_doubtful_lines_are_taken_apart_from_each_other_and_from_labelled_ones():
    numbers = list(range(0, 101, 10))
    doubts = [0.0, 0.0, 0.0, 0.0, 0.7, 0.6, 0.0, 0.0, 0.8, 0.9, 0.5]
    # Half the distance of three even lines is 17: 80 is too near to 90, and 40 is far enough from 0.
    assert select_lines(doubts, numbers, [0], 2) == [90, 40]
    assert select_lines(doubts, numbers, [50], 1) == [90]


def test_where_no_room_is_left_the_distance_shrinks():
    assert sorted(select_lines([0.1, 0.2, 0.3], [1, 2, 3], [2], 2)) == [1, 3]
    with pytest.raises(SeisdreamError, match="Of 2 lines that are not labelled 3 cannot be chosen"):
        select_lines([0.1, 0.2, 0.3], [1, 2, 3], [2], 3)


def test_even_lines_lie_in_the_middle_of_equal_parts():
    assert evenly(range(10), 1) == [5]
    assert evenly(range(10), 5) == [1, 3, 5, 7, 9]
    with pytest.raises(SeisdreamError, match="11 of 10"):
        evenly(range(10), 11)
