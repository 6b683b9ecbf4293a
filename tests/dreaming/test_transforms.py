"""Random transforms of a section, and how gradients come back through them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seisdream.dreaming.transforms import Jitter, RandomSeismicTransform, Transform


def test_wrapping_is_numpys_roll_and_its_adjoint_undoes_it():
    image = torch.arange(20.0).reshape(1, 1, 4, 5)
    shift = Jitter((1, -2), "wrap")
    rolled = shift.apply(image)
    assert np.array_equal(rolled[0, 0], np.roll(image[0, 0].numpy(), (1, -2), (0, 1)))
    assert torch.equal(shift.adjoint(rolled), image)


def test_mirroring_never_brings_the_bottom_next_to_the_top():
    image = torch.arange(6.0).reshape(1, 1, 6, 1).expand(1, 1, 6, 3)
    down = Jitter((2, 0), "mirror").apply(image)[0, 0, :, 0]
    assert down.tolist() == [2, 1, 0, 1, 2, 3]
    up = Jitter((-2, 0), "mirror").apply(image)[0, 0, :, 0]
    assert up.tolist() == [2, 3, 4, 5, 4, 3]


@pytest.mark.parametrize("boundary", ["wrap", "mirror"])
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), down=st.integers(-40, 40), across=st.integers(-40, 40))
def test_the_gradient_comes_back_by_the_exact_adjoint(boundary, rows, columns, down, across):
    generator = torch.Generator().manual_seed(rows * 10 + columns)
    image = torch.randn(1, 2, rows, columns, generator=generator, dtype=torch.float64)
    gradient = torch.randn(1, 2, rows, columns, generator=generator, dtype=torch.float64)
    shift = Jitter((down, across), boundary)
    shifted, back = shift.apply(image), shift.adjoint(gradient)
    assert shifted.shape == back.shape == image.shape
    assert torch.allclose((shifted * gradient).sum(), (image * back).sum())


def image(seed, rows, columns):
    return 255 * torch.rand(1, 1, rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=25, deadline=None)
@given(
    shear=st.floats(-0.1, 0.1),
    stretch=st.floats(0.8, 1.25),
    gain=st.floats(0.5, 2.0),
    tilt=st.floats(-6.0, 6.0),
    offsets=st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
)
def test_the_gradient_through_a_transform_is_its_adjoint(shear, stretch, gain, tilt, offsets):
    """Gain and moves are linear about mid-grey, so they are their own derivative."""
    transform = Transform(Jitter(offsets, "mirror"), RandomSeismicTransform(shear, stretch, gain, 0.0))
    one, other = image(3, 24, 30), image(4, 24, 30)
    leaf = one.clone().requires_grad_(True)
    (back,) = torch.autograd.grad(transform.apply(leaf), leaf, other)
    zero = transform.apply(torch.full_like(one, 127.5))
    assert float(((transform.apply(one) - zero) * other).sum()) == pytest.approx(
        float((back * (one - 127.5)).sum()), rel=1e-9, abs=1e-6
    )
    # The centre of a tilt depends on the section, so its derivative is measured.
    leaf = one.clone().requires_grad_(True)
    (back,) = torch.autograd.grad(RandomSeismicTransform(tilt_db=tilt).apply(leaf), leaf, other)
    before, after = (RandomSeismicTransform(tilt_db=tilt).apply(one + step * other) for step in (-1e-3, 1e-3))
    slope = float(((after - before) / 2e-3 * other).sum())
    assert float((back * other).sum()) == pytest.approx(slope, rel=1e-4)


def test_transforms_have_known_effects():
    rows = torch.arange(81.0)[:, None].expand(81, 61)
    line = 127.5 + 100 * torch.exp(-(((rows - 40) / 3) ** 2))[None, None]
    sheared = RandomSeismicTransform(shear=0.2).apply(line)[0, 0].argmax(0)
    assert sheared[[0, 30, 60]].tolist() == [34, 40, 46], "0.2 samples down for each trace, about the middle"
    deep = 127.5 + 100 * torch.exp(-(((rows - 60) / 3) ** 2))[None, None]
    assert RandomSeismicTransform(stretch=1.25).apply(deep)[0, 0, :, 5].argmax() == 65, "20 below the middle becomes 25"
    assert torch.allclose(RandomSeismicTransform(gain=2.0).apply(line) - 127.5, 2 * (line - 127.5), atol=1e-4)
    noise = image(0, 128, 40)
    power = [
        torch.fft.rfft(one - 127.5, dim=-2).abs().square().sum((0, 1, 3))
        for one in (noise, RandomSeismicTransform(tilt_db=3).apply(noise))
    ]
    gain_db = 10 * torch.log10(power[1] / power[0])
    assert float(gain_db[30:34].mean() - gain_db[15:17].mean()) == pytest.approx(3.0, abs=0.3), "an octave apart"
