"""Rocks follow the published relations."""

import numpy as np
import pytest

from seisdream.synthetic.rocks import gardner_density, reflectivity_of, velocity_trend


def test_gardner_in_si_units_equals_the_published_relation():
    # 0.23 V^0.25 with V in ft/s and density in g/cm³ is what the paper gives.
    vp = np.array([2000.0, 3000.0, 5000.0])
    assert gardner_density(vp) == pytest.approx(1000.0 * 0.23 * (vp / 0.3048) ** 0.25, rel=0.01)


def test_velocity_grows_linearly_with_depth():
    surface_vp, gradient_per_s = 1800.0, 0.6
    times_ms = np.linspace(0.0, 3000.0, 30_001)
    vp = velocity_trend(times_ms, surface_vp, gradient_per_s)
    depth_m = np.concatenate([[0.0], np.cumsum(0.5 * (vp[1:] + vp[:-1]) * np.diff(times_ms) / 2000.0)])
    assert vp == pytest.approx(surface_vp + gradient_per_s * depth_m, rel=1e-6)


def test_reflectivity_is_the_zero_offset_formula():
    impedance = np.array([[2.0], [2.0], [6.0], [3.0]])
    assert reflectivity_of(impedance)[:, 0] == pytest.approx([0.0, 0.0, 0.5, -1.0 / 3.0])
