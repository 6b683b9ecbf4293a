"""Auxiliary tasks that a network learns besides classes, so that its features describe seismic and not only labels.

Each task is a linear head on a decoder stage, used in training and discarded afterwards. Faults, dips and impedance are
known for generated earths. Attributes are computed from the image, real lines included. The position of a sample (depth
interval and survey) is known for real lines without labels, and cannot be predicted without their textures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from seisdream.data.sample import UNKNOWN
from seisdream.data.unlabelled import N_DEPTHS, N_SURVEYS
from seisdream.errors import SeisdreamError
from seisdream.models.zoo.unet import Trainable, UNet

Loss = Callable[[torch.Tensor, dict[str, torch.Tensor]], torch.Tensor]
"""Loss of each pixel from a head's output and the batch, NaN where the target is unknown."""


@dataclass(frozen=True)
class Task:
    """An auxiliary head.

    Attributes
    ----------
    stage : int
        Decoder stage that it reads.
    n_channels : int
        Number of outputs.
    target : str
        Entry of the batch that its loss needs.
    loss : callable
        Loss of each pixel.
    """

    stage: int
    n_channels: int
    target: str
    loss: Loss

    def losses(self, output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss of each pixel, NaN where the target is unknown."""
        if self.target not in batch:
            return output.masked_fill(torch.ones_like(output, dtype=torch.bool), torch.nan)
        return self.loss(output, batch)


def seismic_attributes(image: torch.Tensor) -> torch.Tensor:
    """Return classical attributes of sections, ``(batch, 6, time, trace)``.

    The logarithm of the energy in windows of 9 and of 33 samples; cosine and sine of twice the angle by which
    reflections rise towards higher traces (so that a dip has a negative sine), scaled by the linearity of the texture,
    and that linearity, from the structure tensor (Bigün and Granlund 1987); the logarithm of the mean vertical
    frequency.
    """

    def local_mean(values: torch.Tensor, size: int = 9) -> torch.Tensor:
        for window in ((size, 1), (1, size)):  # One axis after the other: 2 × 33 samples instead of 33 × 33.
            padding = (window[0] // 2, window[1] // 2)
            values = F.avg_pool2d(values, window, 1, padding, count_include_pad=False)
        return values

    vertical = F.pad(image[..., 2:, :] - image[..., :-2, :], (0, 0, 1, 1))
    lateral = F.pad(image[..., 2:] - image[..., :-2], (1, 1))
    down, across, both = local_mean(vertical**2), local_mean(lateral**2), local_mean(vertical * lateral)
    energy = local_mean(image**2)
    total = down + across + 1e-3
    cosine, sine = (down - across) / total, 2.0 * both / total
    return torch.cat(
        [
            0.3 * torch.log(energy + 1e-3),
            0.3 * torch.log(local_mean(image**2, 33) + 1e-3),
            cosine,
            sine,
            torch.hypot(cosine, sine),
            0.3 * torch.log((down + 1e-3) / (energy + 1e-3)),
        ],
        1,
    )


def _fault_loss(output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    target = batch["fault"][:, None].float()
    # Faults are thin: about one sample in a hundred.
    loss = F.binary_cross_entropy_with_logits(output, target.clamp(max=1.0), reduction="none", pos_weight=_FAULT_WEIGHT)
    return loss.masked_fill(target == UNKNOWN, torch.nan)


_FAULT_WEIGHT = torch.tensor(5.0)


def _quantity_loss(name: str) -> Loss:
    def loss(output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        target = batch[name].float()
        unknown = target.isnan()
        # Replaced first: the gradient of a NaN loss is NaN even where the loss is masked.
        losses = F.smooth_l1_loss(output[:, 0], target.nan_to_num(), reduction="none", beta=0.5)
        return losses.masked_fill(unknown, torch.nan)

    return loss


def _attributes_loss(output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        target = seismic_attributes(batch["image"].contiguous())
    return F.smooth_l1_loss(output, target, reduction="none", beta=0.1)


_POSITION_STAGE = 4
_POSITION_STEP = 2 ** (_POSITION_STAGE - 1)


def _position_loss(output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    target = batch["position"].long()
    for axis in (-2, -1):  # The pixel in the middle of each unit's cell; the cell of the last unit may be cut off.
        middles = torch.arange(output.shape[axis], device=target.device) * _POSITION_STEP + _POSITION_STEP // 2
        target = target.index_select(axis, middles.clamp(max=target.shape[axis] - 1))
    loss = F.cross_entropy(output, target, reduction="none", ignore_index=UNKNOWN)
    return loss.masked_fill(target == UNKNOWN, torch.nan)


TASKS: Mapping[str, Task] = {
    "fault": Task(1, 1, "fault", _fault_loss),
    "dip": Task(1, 1, "dip", _quantity_loss("dip")),
    "impedance": Task(1, 1, "impedance", _quantity_loss("impedance")),
    "attributes": Task(1, 6, "image", _attributes_loss),
    "position": Task(_POSITION_STAGE, N_DEPTHS * N_SURVEYS, "position", _position_loss),
}
"""Auxiliary tasks by name."""


class MultiTaskNetwork(nn.Module):
    """A U-Net with the heads of its auxiliary tasks, or a classifier without any.

    Parameters
    ----------
    network : Module
        The network that is trained.
    tasks : iterable of str
        Names of `TASKS`.
    returns_stages : bool, default False
        Also return the activations of the network's stages.

    Raises
    ------
    SeisdreamError
        If the network does not have the stages that a task needs.
    """

    def __init__(self, network: Trainable, tasks: Iterable[str], *, returns_stages: bool = False) -> None:
        super().__init__()
        self.returns_stages = returns_stages
        tasks = list(tasks)
        if tasks and not (isinstance(network, UNet) and network.n_dims == 2):
            raise SeisdreamError(
                f"Only a U-Net for sections learns auxiliary tasks; leave out {', '.join(tasks)} of `tasks`.",
                code="incompatible",
                option="tasks",
            )
        widths = network.widths if isinstance(network, UNet) else ()
        if too_deep := [name for name in tasks if TASKS[name].stage >= len(widths)]:
            raise SeisdreamError(
                f"The task {', '.join(too_deep)} needs a network of {1 + max(TASKS[name].stage for name in too_deep)} "
                f"stages or more; it has {len(widths)} (`widths`).",
                code="incompatible",
                option="widths",
            )
        self.network = network
        self.heads = nn.ModuleDict(
            {name: nn.Conv2d(widths[TASKS[name].stage - 1], TASKS[name].n_channels, 1) for name in tasks}
        )

    def forward(self, image: torch.Tensor) -> dict[str, Any]:
        """Return ``classes`` (logits), the output of each task, and ``stages`` (activations by name) if wanted."""
        if not isinstance(self.network, UNet):
            return {"classes": self.network(image)}
        activations = self.network.stages(image)
        outputs = {name: head(activations[f"dec{TASKS[name].stage}"]) for name, head in self.heads.items()}
        stages = {"stages": activations} if self.returns_stages else {}
        return {"classes": self.network.logits(activations["dec1"]), **outputs, **stages}
