"""Adversarial training in L2: a network learns on samples that were changed, within a radius, to raise its loss.

What a robust network draws in a dream follows the sections that it was trained on more closely (Engstrom et al. 2019,
"Adversarial robustness as a prior for learned representations"; Santurkar et al. 2019, "Image synthesis with a single
(robust) classifier"). The perturbation is found by projected gradient ascent (PGD; Madry et al. 2018), or in a single
step from a noisy sample (N-FGSM; de Jorge et al. 2022), which costs one more forward and backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

# Of the radius, over the number of steps, so that the steps of PGD can reach the edge of the ball and move along it.
_REACH = 2.5


def perturb(
    images: torch.Tensor,
    loss: Callable[[torch.Tensor], torch.Tensor],
    radius: float,
    n_steps: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return images that were changed to raise a loss.

    Parameters
    ----------
    images : Tensor
        ``(batch, 1, *space)``.
    loss : callable
        Loss of a batch of images, differentiable; a sum or mean over the images.
    radius : float
        Root mean square of the largest change of an image, in the units of the images. A single step starts from noise
        of this size, which is not projected away, so its change can be twice as large.
    n_steps : int
        1 for N-FGSM; more for PGD.
    generator : Generator
        Of the noise; on the CPU.

    Returns
    -------
    Tensor
        Shaped as the images, detached.
    """
    noise = _with_rms(torch.randn(images.shape, generator=generator).to(images), radius)
    if n_steps == 1:
        return images + noise + _with_rms(_gradient(images + noise, loss), radius)
    share = torch.rand((len(images), *(1,) * (images.ndim - 1)), generator=generator).to(images)
    change = share * noise
    for _ in range(n_steps):
        change = change + _with_rms(_gradient(images + change, loss), _REACH * radius / n_steps)
        change = change * (radius / _rms(change)).clamp(max=1.0)
    return images + change


@contextmanager
def fixed_running_statistics(model: nn.Module) -> Iterator[None]:
    """Keep the running statistics of batch normalisation as they are inside the block."""
    norms = [part for part in model.modules() if isinstance(part, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    counts = [None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone() for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count


def _gradient(images: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    leaf = images.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    return gradient


def _rms(values: torch.Tensor) -> torch.Tensor:
    """Return the root mean square of each image, never 0, shaped to divide by."""
    return values.square().mean(tuple(range(1, values.ndim)), keepdim=True).sqrt().clamp_min(1e-20)


def _with_rms(values: torch.Tensor, rms: float) -> torch.Tensor:
    return values * (rms / _rms(values))
