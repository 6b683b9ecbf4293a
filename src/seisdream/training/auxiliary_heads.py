"""What a network learns beside classes, so that its features are those of seismic and not only of the labels.

Each task is a linear head on a decoder stage, used in training and left away afterwards. Faults, dips and impedance are
known of generated earths; attributes are computed from whatever is shown, real lines included; the place asks of
real lines how deep and on which line a sample lies, which needs no labels and cannot be told without their textures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
"""From a head's output and the batch to the loss of each sample, NaN where nothing is known."""


@dataclass(frozen=True)
class Task:
    """A head: on which stage it stands, how many channels it has, what of a batch it needs, and its loss."""

    stage: int
    n_channels: int
    needs: str
    loss: Loss

    def losses(self, output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss of each sample, NaN where nothing is known: everywhere, if no item of the batch knows it."""
        if self.needs not in batch:
            return output.masked_fill(torch.ones_like(output, dtype=torch.bool), torch.nan)
        return self.loss(output, batch)


def attributes_of(picture: torch.Tensor) -> torch.Tensor:
    """Return classical attributes of sections, ``(batch, 6, time, trace)``.

    Logarithm of the energy in windows of 9 and of 33 samples; twice the angle by which reflections rise towards
    higher traces (so that a dip has a negative sine) as cosine and sine, scaled by how linear the texture is, and that
    linearity, by the structure tensor (Bigün and Granlund 1987); and the logarithm of the mean vertical frequency.
    """

    def around(values: torch.Tensor, size: int = 9) -> torch.Tensor:
        for window in ((size, 1), (1, size)):  # One axis after the other: 2 × 33 samples, not 33 × 33.
            padding = (window[0] // 2, window[1] // 2)
            values = F.avg_pool2d(values, window, 1, padding, count_include_pad=False)
        return values

    vertical = F.pad(picture[..., 2:, :] - picture[..., :-2, :], (0, 0, 1, 1))
    lateral = F.pad(picture[..., 2:] - picture[..., :-2], (1, 1))
    down, across, both = around(vertical**2), around(lateral**2), around(vertical * lateral)
    energy = around(picture**2)
    total = down + across + 1e-3
    cosine, sine = (down - across) / total, 2.0 * both / total
    return torch.cat(
        [
            0.3 * torch.log(energy + 1e-3),
            0.3 * torch.log(around(picture**2, 33) + 1e-3),
            cosine,
            sine,
            torch.hypot(cosine, sine),
            0.3 * torch.log((down + 1e-3) / (energy + 1e-3)),
        ],
        1,
    )


def _fault_loss(output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    wanted = batch["fault"][:, None].float()
    # Faults are thin: one sample in a hundred or so.
    loss = F.binary_cross_entropy_with_logits(output, wanted.clamp(max=1.0), reduction="none", pos_weight=_FAULT_WEIGHT)
    return loss.masked_fill(wanted == UNKNOWN, torch.nan)


_FAULT_WEIGHT = torch.tensor(5.0)


def _quantity_loss(name: str) -> Loss:
    def loss(output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        wanted = batch[name].float()
        unknown = wanted.isnan()
        # Replaced first: the gradient of a loss that is not a number is none either, even where it does not count.
        losses = F.smooth_l1_loss(output[:, 0], wanted.nan_to_num(), reduction="none", beta=0.5)
        return losses.masked_fill(unknown, torch.nan)

    return loss


def _attributes_loss(output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        wanted = attributes_of(batch["picture"].contiguous())
    return F.smooth_l1_loss(output, wanted, reduction="none", beta=0.1)


_PLACE_STAGE = 4
_PLACE_STEP = 2 ** (_PLACE_STAGE - 1)


def _place_loss(output: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    wanted = batch["place"].long()
    for axis in (-2, -1):  # The sample in the middle of what each unit stands for; a last unit may stand for less.
        middles = torch.arange(output.shape[axis], device=wanted.device) * _PLACE_STEP + _PLACE_STEP // 2
        wanted = wanted.index_select(axis, middles.clamp(max=wanted.shape[axis] - 1))
    loss = F.cross_entropy(output, wanted, reduction="none", ignore_index=UNKNOWN)
    return loss.masked_fill(wanted == UNKNOWN, torch.nan)


"""Into how many depths a line is divided, and how many surveys are told apart."""

TASKS: Mapping[str, Task] = {
    "fault": Task(1, 1, "fault", _fault_loss),
    "dip": Task(1, 1, "dip", _quantity_loss("dip")),
    "impedance": Task(1, 1, "impedance", _quantity_loss("impedance")),
    "attributes": Task(1, 6, "picture", _attributes_loss),
    "place": Task(_PLACE_STAGE, N_DEPTHS * N_SURVEYS, "place", _place_loss),
}
"""The tasks by name."""


class MultiTask(nn.Module):
    """A U-Net and the heads of its tasks, or a classifier without any.

    Parameters
    ----------
    network : Module
        What is trained.
    tasks : mapping of str to float
        Those of `TASKS` that have a head.
    tells_stages : bool, default False
        Return what the network's stages say, too.
    """

    def __init__(self, network: Trainable, tasks: Mapping[str, float], *, tells_stages: bool = False) -> None:
        super().__init__()
        self.tells_stages = tells_stages
        if tasks and not (isinstance(network, UNet) and network.n_dims == 2):
            raise SeisdreamError(
                f"Only a U-Net for sections learns tasks beside classes; leave out {', '.join(tasks)}."
            )
        widths = network.widths if isinstance(network, UNet) else ()
        if too_deep := [name for name in tasks if TASKS[name].stage >= len(widths)]:
            raise SeisdreamError(
                f"The task {', '.join(too_deep)} needs a network of {1 + max(TASKS[name].stage for name in too_deep)} "
                f"stages or more; it has {len(widths)} (widths)."
            )
        self.network = network
        self.heads = nn.ModuleDict(
            {name: nn.Conv2d(widths[TASKS[name].stage - 1], TASKS[name].n_channels, 1) for name in tasks}
        )

    def forward(self, picture: torch.Tensor) -> dict[str, Any]:
        """Return ``classes`` (logits), the tasks' outputs by name, and ``stages`` (outputs by name) where told."""
        if not isinstance(self.network, UNet):
            return {"classes": self.network(picture)}
        said = self.network.stages(picture)
        outputs = {name: head(said[f"dec{TASKS[name].stage}"]) for name, head in self.heads.items()}
        told = {"stages": said} if self.tells_stages else {}
        return {"classes": self.network.logits(said["dec1"]), **outputs, **told}
