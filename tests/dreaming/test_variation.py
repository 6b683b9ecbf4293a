"""The amounts of random transforms, as words."""

import pytest

from errors import raises
from seisdream.dreaming.variation import parse_variation


def test_mild_may_be_extended_and_changed():
    mild = parse_variation("mild")
    assert mild == {"shear": 0.02, "stretch": 0.05, "gain": 0.2}
    assert parse_variation(" mild , band=3") == mild | {"band": 3.0}
    assert parse_variation("mild,gain=0") == mild | {"gain": 0.0}
    assert parse_variation("none") is None


@pytest.mark.parametrize("text", ["milder", "shear", "gain=1e"])
def test_unreadable_amounts_are_refused(text):
    with raises("invalid", "transforms"):
        parse_variation(text)


def test_an_unknown_amount_gets_near_matches():
    with raises("unknown-name", "transforms") as error:
        parse_variation("shere=0.1")
    assert "did you mean shear" in str(error.value)
