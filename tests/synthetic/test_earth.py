"""Generated earths: repeatable, consistent, and with every facies."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import raises
from seisdream.synthetic import FACIES, LITHOLOGIES, EarthSettings, generate_sections, make_earth
from seisdream.synthetic.facies import CODES
from seisdream.synthetic.rocks import DENSITY_BOUNDS, VP_BOUNDS, reflectivity_of

QUIET = EarthSettings(
    packages=(("parallel", 1.0),),
    n_faults=(0.0, 0.0),
    unconformity=0.0,
    channel=0.0,
    mass_transport=0.0,
    mound=0.0,
    salt=0.0,
    gas=0.0,
    water=0.0,
)


def _with(**changes):
    return dataclasses.replace(QUIET, **changes)


@pytest.fixture(scope="module")
def many():
    return list(generate_sections(2024, 200))


@pytest.mark.slow
def test_every_facies_has_a_useful_share(many):
    counts = sum(np.bincount(earth.facies.values.ravel(), minlength=len(FACIES)) for earth in many)
    share = counts / counts.sum()
    assert len(counts) == len(FACIES) == 10
    assert share.min() > 0.015, dict(zip(CODES, share.round(4), strict=True))
    assert share.max() < 0.4


@pytest.mark.slow
def test_no_two_sections_of_a_stream_are_alike(many):
    firsts = np.array([earth.seismic.values[100, :64] for earth in many])
    alike = np.abs(np.corrcoef(firsts) - np.eye(len(many)))
    assert alike.max() < 0.99


@pytest.mark.slow
def test_amplitudes_are_scaled_and_noise_is_less_than_signal(many):
    for earth in many[:40]:
        assert earth.seismic.values.std() == pytest.approx(1.0, rel=1e-3)
        assert (earth.seismic - earth.noise_free).values.std() < 0.7


@pytest.mark.slow
def test_fault_labels_are_thin_and_common(many):
    shares = np.array([earth.fault.values.mean() for earth in many])
    assert (shares > 0).mean() > 0.5
    assert shares.max() < 0.05


@given(st.integers(0, 2**31))
@settings(max_examples=12)
def test_truth_is_consistent(seed):
    earth = make_earth(seed, n_samples=160, n_traces=144)
    arrays = {name: earth[name].values for name in earth}
    for name, values in arrays.items():
        assert values.shape == (160, 144)
        assert np.isfinite(values).all(), name
    assert arrays["facies"].dtype == arrays["fault"].dtype == np.uint8
    assert arrays["facies"].max() < len(FACIES)
    assert arrays["lithology"].max() < len(LITHOLOGIES)
    assert set(np.unique(arrays["fault"])) <= {0, 1}
    for name, (low, high) in (("vp", VP_BOUNDS), ("density", DENSITY_BOUNDS)):
        assert low <= arrays[name].min() <= arrays[name].max() <= high
    np.testing.assert_allclose(arrays["impedance"], arrays["vp"] * arrays["density"] * 1e-6, rtol=1e-5)
    np.testing.assert_allclose(arrays["reflectivity"], reflectivity_of(arrays["impedance"]), atol=1e-5)
    salt = arrays["facies"] == CODES["salt"]
    assert ((arrays["lithology"] == LITHOLOGIES.index("salt")) == salt).all()
    assert not arrays["fault"][salt].any()


@given(st.integers(0, 2**31))
@settings(max_examples=12)
def test_geologic_time_grows_downwards(seed):
    earth = make_earth(seed, n_samples=160, n_traces=144)
    steps = np.diff(earth.relative_geologic_time.values, axis=0)
    cut = np.isin(earth.facies.values, [CODES["salt"], CODES["chaotic"]]) | (earth.fault.values > 0)
    # Planes of little throw are not labelled, and a plane is a trace wide: look away from planes.
    cut[:, 1:] |= cut[:, :-1].copy()
    cut[:, :-1] |= cut[:, 1:].copy()
    inside = ~(cut[1:] | cut[:-1])
    assert (steps[inside] >= -1e-3).mean() > 0.995


def test_without_faults_geologic_time_never_turns():
    for seed in range(6):
        steps = np.diff(make_earth(seed, settings=QUIET).relative_geologic_time.values, axis=0)
        assert steps.min() >= 0.0


def test_the_same_seed_gives_the_same_earth_and_another_another():
    one, same, other = make_earth(5), make_earth(5), make_earth(6)
    assert one.identical(same)
    assert not one.seismic.equals(other.seismic)


def test_a_stream_does_not_depend_on_its_length():
    short, long = (
        list(generate_sections(3, 2, n_samples=64, n_traces=64)),
        generate_sections(3, n_samples=64, n_traces=64),
    )
    for earth in short:
        assert earth.identical(next(long))


def test_salt_has_the_impedance_of_halite():
    earth = next(e for e in generate_sections(1, settings=_with(salt=1.0)) if (e.facies == CODES["salt"]).sum() > 2000)
    inside = (earth.facies == CODES["salt"]).values
    deep = inside & np.roll(inside, 3, 0) & np.roll(inside, -3, 0) & np.roll(inside, 3, 1) & np.roll(inside, -3, 1)
    assert np.median(earth.impedance.values[deep]) == pytest.approx(4.5 * 2.16, rel=0.02)
    assert earth.impedance.values[deep].std() < 0.3


def test_a_tilted_unconformity_truncates_the_older_beds():
    quiet, cut = (_with(unconformity=chance, dip_ms=(0.5, 0.5), activity=(1.0, 1.0)) for chance in (0.0, 1.0))

    def greatest_range(earth):
        """The greatest range, over all boundaries, of the age of what lies right under the boundary."""
        unit, age = earth.unit.values, earth.relative_geologic_time.values
        ranges = []
        for below in np.unique(unit)[1:]:
            first = (unit == below).argmax(axis=0)
            columns = np.flatnonzero((unit == below).any(axis=0) & (first > 0))
            under = age[first[columns], columns]
            ranges.append(np.ptp(under) if len(columns) > 100 else 0.0)
        return max(ranges, default=0.0)

    assert np.mean([greatest_range(make_earth(seed, settings=quiet)) for seed in range(5)]) < 15.0
    assert np.mean([greatest_range(make_earth(seed, settings=cut)) for seed in range(5)]) > 60.0


@pytest.mark.parametrize("name", ["clinoforms", "hummocky", "chaotic", "subparallel", "divergent"])
def test_one_package_gives_one_facies(name):
    earth = make_earth(11, settings=_with(packages=((name, 1.0),)))
    assert (earth.facies == CODES[name]).all()


def test_beds_without_reflections_are_reflection_free():
    # By themselves they are the strongest that the section has; what counts is what is seen beside the others.
    settings = _with(packages=(("parallel", 1.0), ("reflection-free", 1.0)))
    earths = [make_earth(seed, settings=settings) for seed in range(6)]
    facies = np.stack([earth.facies.values for earth in earths])
    assert set(np.unique(facies)) == {CODES[name] for name in ("parallel-high", "parallel-low", "reflection-free")}
    free = facies == CODES["reflection-free"]
    assert 0.1 < free.mean() < 0.6
    reflectivity = np.abs(np.stack([earth.reflectivity.values for earth in earths]))
    assert reflectivity[free].mean() < 0.3 * reflectivity[~free].mean()


def _roughness(earth):
    """How unlike neighbours 5 traces apart are."""
    values = earth.noise_free.values
    return 1.0 - np.corrcoef(values[:, :-5].ravel(), values[:, 5:].ravel())[0, 1]


def test_facies_have_their_defining_attributes():
    def typical(measure, name):
        return np.median([measure(make_earth(seed, settings=_with(packages=((name, 1.0),)))) for seed in range(8)])

    assert typical(_roughness, "parallel") < typical(_roughness, "subparallel") < typical(_roughness, "hummocky")
    assert typical(_roughness, "hummocky") < typical(_roughness, "chaotic")

    def strength(earth):
        return np.sqrt(np.mean(earth.reflectivity.values**2))

    assert typical(strength, "reflection-free") < 0.25 * typical(strength, "parallel")
    mixed = [make_earth(seed, settings=QUIET) for seed in range(6)]
    reflectivity = np.stack([earth.reflectivity.values for earth in mixed])
    facies = np.stack([earth.facies.values for earth in mixed])
    high, low = (reflectivity[facies == CODES[f"parallel-{name}"]].std() for name in ("high", "low"))
    assert high > 1.8 * low


def test_channels_cut_older_beds():
    settings = _with(channel=1.0)
    earth = next(e for e in generate_sections(4, settings=settings) if (e.facies == CODES["channel fill"]).sum() > 1500)
    fill = earth.facies.values == CODES["channel fill"]
    below = np.zeros_like(fill)
    below[1:] = fill[:-1] & ~fill[1:]
    above = np.zeros_like(fill)
    above[:-1] = fill[1:] & ~fill[:-1]
    age = earth.relative_geologic_time.values
    rows, columns = np.nonzero(below)
    assert (age[rows, columns] > age[rows - 1, columns]).mean() > 0.95
    rows, columns = np.nonzero(above)
    assert (age[rows, columns] < age[rows + 1, columns]).mean() > 0.95


def test_gas_softens_sand():
    settings = _with(gas=1.0, unconformity=0.6, fold_ms=(40.0, 40.0), activity=(1.0, 1.0))
    earth = next(
        e for e in generate_sections(2, settings=settings) if (e.lithology == LITHOLOGIES.index("gas sand")).sum() > 150
    )
    gas = (earth.lithology == LITHOLOGIES.index("gas sand")).values
    rows = np.flatnonzero(gas.any(axis=1))
    wet = ~gas
    wet[: rows[0]] = wet[rows[-1] + 1 :] = False
    assert np.median(earth.impedance.values[gas]) < 0.9 * np.median(earth.impedance.values[wet])


def test_lines_of_a_cube_are_like_sections():
    cube = make_earth(8, n_samples=96, n_traces=80, n_inlines=40)
    assert cube.seismic.dims == ("inline", "crossline", "time")
    assert cube.seismic.shape == (40, 80, 96)
    assert cube.facies.isel(inline=10).values.shape == (80, 96)

    def neighbours(values):
        return np.corrcoef(values[1:].ravel(), values[:-1].ravel())[0, 1]

    seismic = cube.seismic.values
    assert neighbours(seismic) > 0.8  # From line to line as from trace to trace.
    assert neighbours(np.swapaxes(seismic, 0, 1)) > 0.8
    assert (np.diff(cube.facies.values, axis=0) != 0).mean() < 0.1
    lines = [seismic[inline] for inline in (5, 20, 35)]
    sections = [e.seismic.values.T for e in generate_sections(8, 20, n_samples=96, n_traces=80)]
    smooth = sorted(neighbours(section) for section in sections)
    assert all(smooth[0] - 0.05 < neighbours(line) < 1.0 for line in lines)


@pytest.mark.parametrize("size", [(32, 32), (300, 50), (64, 500)])
def test_any_size_works(size):
    earth = make_earth(1, n_samples=size[0], n_traces=size[1])
    assert earth.seismic.shape == size
    assert earth.unit.values.min() > 0


@pytest.mark.parametrize(
    "wrong", [{"n_samples": 31}, {"n_traces": 1}, {"n_inlines": 1}, {"dt_ms": 0.0}, {"dt_ms": float("nan")}]
)
def test_an_earth_that_is_too_small_is_refused(wrong):
    with raises("too-small" if "dt_ms" not in wrong else "out-of-range"):
        make_earth(0, **wrong)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"salt": 1.5}, "out-of-range"),
        ({"q": (100.0, 50.0)}, "out-of-range"),
        ({"noise": (0.0, 0.1)}, "out-of-range"),
        ({"packages": (("clinoform", 1.0),)}, "unknown-name"),
        ({"packages": (("parallel", 0.0),)}, "out-of-range"),
        ({"packages": (("parallel", -1.0),)}, "out-of-range"),
    ],
)
def test_impossible_settings_are_refused(wrong, code):
    with raises(code, next(iter(wrong))):
        EarthSettings(**wrong)


def test_no_faults_if_none_are_set():
    settings = EarthSettings(n_faults=(0.0, 0.0), unconformity=1.0)
    assert not any(
        make_earth(seed, n_samples=128, n_traces=96, settings=settings).fault.values.any() for seed in range(8)
    )
