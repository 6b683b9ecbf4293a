"""The 2015 recipe written down plainly, with NumPy, SciPy and PyTorch: what seisdream is measured against.

Independent of the package on purpose: the network is a function over the tensors of the Caffe layers, resizing is
SciPy's, and nothing is made fast. After Mordvintsev, Olah and Tyka (2015), Inceptionism; and Szegedy and others
(2015), Going deeper with convolutions.
"""

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F

MEAN_BGR = np.float32([104.0, 117.0, 123.0])[:, None, None]


def googlenet_to_4c(weights, x):
    """Return the output of inception_4c for ``(1, 3, row, column)``, BGR minus the mean."""

    def conv(name, values, **shape):
        return F.relu(F.conv2d(values, weights[f"{name}.weight"], weights[f"{name}.bias"], **shape))

    def pool(values, stride):
        return F.max_pool2d(values, 3, stride, padding=1 if stride == 1 else 0, ceil_mode=True)

    def inception(name, values):
        return torch.cat(
            [
                conv(f"{name}/1x1", values),
                conv(f"{name}/3x3", conv(f"{name}/3x3_reduce", values), padding=1),
                conv(f"{name}/5x5", conv(f"{name}/5x5_reduce", values), padding=2),
                conv(f"{name}/pool_proj", pool(values, 1)),
            ],
            dim=1,
        )

    x = pool(conv("conv1/7x7_s2", x, stride=2, padding=3), 2)
    x = F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)
    x = conv("conv2/3x3", conv("conv2/3x3_reduce", x), padding=1)
    x = pool(F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0), 2)
    x = pool(inception("inception_3b", inception("inception_3a", x)), 2)
    return inception("inception_4c", inception("inception_4b", inception("inception_4a", x)))


def score_and_gradient(weights, image):
    """Return half the squared norm of inception_4c and its gradient on a ``(3, row, column)`` image."""
    x = torch.from_numpy(image)[None].requires_grad_(True)
    score = 0.5 * googlenet_to_4c(weights, x).square().sum()
    score.backward()
    return score.item(), x.grad[0].numpy()


def mean_square(weights, image):
    """Return the mean squared activation of inception_4c."""
    with torch.no_grad():
        return float(googlenet_to_4c(weights, torch.from_numpy(image)[None]).square().mean())


def step(weights, image, step_size=1.5, jitter=32, random=None):
    """Return the image after one jittered, normalised, clipped step."""
    across, down = random.integers(-jitter, jitter + 1, 2) if jitter else (0, 0)
    image = np.roll(np.roll(image, across, -1), down, -2)
    _, gradient = score_and_gradient(weights, image)
    image = image + np.float32(step_size) / np.abs(gradient).mean() * gradient
    image = np.roll(np.roll(image, -across, -1), -down, -2)
    return np.clip(image, -MEAN_BGR, 255 - MEAN_BGR)


def dream(weights, rgb, n_octaves=4, octave_scale=1.4, n_steps=10, step_size=1.5, jitter=32, seed=0):
    """Return the dream of an RGB picture ``(row, column, 3)`` in 0 to 255, the octave sizes, and each detail."""
    random = np.random.default_rng(seed)
    octaves = [np.float32(rgb).transpose(2, 0, 1)[::-1].copy() - MEAN_BGR]
    for _ in range(n_octaves - 1):
        octaves.append(scipy.ndimage.zoom(octaves[-1], (1, 1 / octave_scale, 1 / octave_scale), order=1))
    detail, sizes, details = np.zeros_like(octaves[-1]), [], []
    for base in octaves[::-1]:
        if detail.shape != base.shape:
            ratio = np.array(base.shape) / np.array(detail.shape)
            detail = scipy.ndimage.zoom(detail, ratio, order=1)
        image = base + detail
        for _ in range(n_steps):
            image = step(weights, image, step_size, jitter, random)
        detail = image - base
        sizes.append(base.shape[1:])
        details.append(detail)
    return (image + MEAN_BGR)[::-1].transpose(1, 2, 0), sizes, details
