"""What several tests of networks use."""

import numpy as np
import pytest
from scipy import ndimage

from seisdream.seismic.sections import make_section


@pytest.fixture(scope="session")
def section():
    """A small section of smooth noise."""
    values = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(24, 32)), (2, 6))
    return make_section(values / values.std(), dt_ms=4.0)
