"""Dreams, predictions, attributions and controls are those of version 0.1, for the same settings."""

import numpy as np
import pytest

from golden_cases import FOLDER, compute, difference, load_cases, stored, thin, tolerance

CASES = load_cases()


@pytest.fixture(scope="module")
def recorded():
    with np.load(FOLDER / "v01.npz") as arrays:
        return dict(arrays)


@pytest.mark.filterwarnings("ignore:Integrated gradients")
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow) if one == "predict in tiles" else one for one in CASES]
)
def test_a_case_is_computed_as_in_version_0_1(name, recorded, tmp_path, request):
    case = CASES[name]
    if "needs" in case:
        request.getfixturevalue("shared")
    arrays, rms = compute(case, tmp_path)
    expected = {key.rpartition("/")[2]: values for key, values in recorded.items() if key.rpartition("/")[0] == name}
    assert set(arrays) == set(expected)
    differences = {key: difference(key, stored(thin(arrays[key])), one, rms) for key, one in expected.items()}
    assert max(differences.values()) <= tolerance(case), differences
