import math

import numpy as np
import pytest

from seisdream.seismic.metrics import repeatability

RNG = np.random.default_rng(0)
SECTION, NOISE = RNG.normal(size=(2, 200, 100))


def test_equal_sections_correlate_fully_and_have_no_nrms():
    assert repeatability(SECTION, SECTION) == {"correlation": 1.0, "nrms_percent": 0.0}


def test_a_polarity_reversal_has_an_nrms_of_200_percent():
    assert repeatability(SECTION, -SECTION) == {"correlation": -1.0, "nrms_percent": 200.0}


def test_uncorrelated_sections_have_an_nrms_of_141_percent():
    measured = repeatability(SECTION, NOISE)
    assert measured["correlation"] == pytest.approx(0.0, abs=0.02)
    assert measured["nrms_percent"] == pytest.approx(100 * math.sqrt(2), abs=1.0)


def test_a_constant_section_has_no_correlation():
    assert math.isnan(repeatability(SECTION, np.zeros_like(SECTION))["correlation"])
