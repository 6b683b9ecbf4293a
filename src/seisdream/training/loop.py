"""The training loop, from top to bottom: data, step, average, look, keep."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from seisdream.data.sample import UNKNOWN, Sample, collate
from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import Counter, Scores
from seisdream.io.atomic import writing_file
from seisdream.models.cpu_fusion import keep_memory, speed_up_halving
from seisdream.models.prepared import resolve_device, resolve_precision
from seisdream.models.zoo.unet import ARCHITECTURES, Trainable, UNet
from seisdream.training.auxiliary_heads import TASKS, MultiTask
from seisdream.training.flip_consistency import FIRST_STAGE, flip_consistency_loss, with_mirror_images

CHECKPOINT_FILE = "checkpoint.pt"
_FLAGS = {"n_steps": "--steps", "batch": "--batch", "learning_rate": "--learning-rate", "mirror": "--mirror",
          "seed": "--seed", "precision": "--precision", "validate_every": "--validate-every"}  # fmt: skip


class Items(Protocol):
    """Data for training: items by number, any number, the same each time they are asked for."""

    classes: tuple[str, ...]

    def __getitem__(self, number: int, /) -> Sample: ...


@dataclass(frozen=True)
class TrainingSettings:
    """Every number of a training run.

    Attributes
    ----------
    architecture : {"unet", "classifier", "googlenet"}
        What is trained.
    settings : dict
        Of the architecture, but for the number of classes: ``widths``, ``n_dims``, ``normalisation``.
    tasks : dict
        What is learned beside the classes, and its weight in the loss; see `tasks.TASKS`.
    mirror : float
        Weight of `mirror.flip_consistency_loss` in the loss. With it, each item of a
        batch is shown with its mirror image, and a step takes twice as long.
    n_steps, batch : int
        Steps, and items in each.
    learning_rate, weight_decay : float
        Of AdamW.
    warm_up : float
        Share of the steps over which the learning rate rises, before it falls as a cosine.
    average : float
        Decay of the exponential moving average of the weights, which is what is kept in the end.
    most_gradient : float
        Norm to which gradients are clipped.
    balance : float
        How far rare classes count more: their weights go with the inverse of their frequency to this power.
    smoothing : float
        How much of each label is given to all other classes.
    precision : {"auto", "float32", "bfloat16"}
        What the network computes in.
    seed : int
        Of the weights that training starts from, and of the windows and augmentations of labelled data.
    validate_every : int
        Steps between looks at the validation data, after which the run can be resumed.
    n_workers : int
        Processes that prepare items; 0 prepares them in between.
    """

    architecture: str = "unet"
    settings: dict[str, Any] = field(default_factory=dict)
    tasks: dict[str, float] = field(default_factory=dict)
    mirror: float = 0.0
    n_steps: int = 4000
    batch: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.05
    average: float = 0.998
    most_gradient: float = 1.0
    balance: float = 0.5
    smoothing: float = 0.0
    precision: str = "auto"
    seed: int = 0
    validate_every: int = 250
    n_workers: int = 1

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise SeisdreamError(
                f"There is no architecture '{self.architecture}'; choose one of {', '.join(ARCHITECTURES)}."
            )
        if unknown := set(self.tasks) - set(TASKS):
            raise SeisdreamError(f"There is no task {', '.join(sorted(unknown))}; choose among {', '.join(TASKS)}.")
        if not (self.learning_rate > 0 and 0 <= self.average < 1 and 0 <= self.smoothing < 1 and self.mirror >= 0):
            raise SeisdreamError(
                "The learning rate is greater than 0, the average's decay and the smoothing from 0 to 1, and mirror 0 "
                f"or more; got {self.learning_rate:g}, {self.average:g}, {self.smoothing:g} and {self.mirror:g}."
            )
        n_stages = len(self.settings.get("widths", range(FIRST_STAGE))) if self.architecture == "unet" else 0
        if self.mirror and n_stages < FIRST_STAGE:
            raise SeisdreamError(
                f"Only a U-Net of {FIRST_STAGE} stages or more learns to say the same of mirror images; leave out "
                f"mirror ({self.mirror:g})."
            )
        if self.n_steps < 1 or self.batch < 1 or self.validate_every < 1:
            raise SeisdreamError(
                f"Steps, batch and validation interval are 1 or more; got {self.n_steps}, {self.batch} and "
                f"{self.validate_every}."
            )


@dataclass(frozen=True)
class TrainingState:
    """Where a run stands after a step.

    Attributes
    ----------
    step, n_steps : int
        Steps done, and to be done.
    loss : float
        Of this step.
    scores : Scores or None
        Of the validation data, where they were just looked at.
    history : list of dict
        ``step``, ``loss`` (mean since the last look), ``learning_rate``, ``mean_iou`` and ``pixel_accuracy``.
    seconds, waited : float
        Spent since this run began or resumed, and how much of it the network waited for data.
    """

    step: int
    n_steps: int
    loss: float
    scores: Scores | None
    history: list[dict[str, float]]
    seconds: float
    waited: float


class Training:
    """A run: made, perhaps resumed, and walked through step by step.

    Under ``torchrun`` each process takes its share of every batch, and the result is that of one process, but for
    batch normalisation, whose statistics are those of each share.

    Parameters
    ----------
    recipe : TrainingRecipe
        Every number.
    data : Items
        What to learn.
    validation : Items
        What to look at now and then: its items ``0`` to ``n_validation - 1``.
    n_validation : int
        How many.
    folder : path
        Where the run keeps its checkpoint. A checkpoint of the same recipe is resumed.
    start : dict of Tensor, optional
        Weights to start from; those whose shapes do not fit (another number of classes) are left out.
    device : str, default "auto"
        Where to run.
    """

    def __init__(
        self,
        recipe: TrainingSettings,
        data: Items,
        validation: Items,
        n_validation: int,
        folder: str | os.PathLike[str],
        *,
        start: dict[str, torch.Tensor] | None = None,
        device: str = "auto",
    ):
        self.recipe, self.data, self.validation, self.n_validation = recipe, data, validation, n_validation
        self.folder = Path(folder)
        self.rank, self.n_ranks = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        if recipe.batch % self.n_ranks:
            raise SeisdreamError(
                f"A batch of {recipe.batch} cannot be shared evenly by {self.n_ranks} processes (--batch)."
            )
        self.device = torch.device(resolve_device(device))
        if self.device.type == "cpu":
            keep_memory()
        if self.device.type == "cuda" and self.n_ranks > 1:
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        self.precision = resolve_precision(recipe.precision, str(self.device))

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            network = ARCHITECTURES[recipe.architecture](len(data.classes), **recipe.settings)
            if start:
                own = network.state_dict()
                fits = {name: value for name, value in start.items() if name in own and own[name].shape == value.shape}
                network.load_state_dict(fits, strict=False)
            if isinstance(network, UNet):
                speed_up_halving(network)
            model = MultiTask(network, recipe.tasks, tells_stages=recipe.mirror > 0)
        is_2d = getattr(network, "n_dims", 2) == 2
        self._format = torch.channels_last if is_2d else torch.channels_last_3d
        self.model = model.to(self.device, memory_format=self._format)  # pyright: ignore[reportCallIssue]
        self.average = AveragedModel(self.model, avg_fn=_averager(recipe.average), use_buffers=True)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), recipe.learning_rate, weight_decay=0.0)
        self.optimiser.param_groups[0]["weight_decay"] = recipe.weight_decay
        self.weights = balance_of(data, recipe.balance).to(self.device)
        self.step = 0
        self.history: list[dict[str, float]] = []
        self._since: list[float] = []
        self._resume()

    @property
    def network(self) -> Trainable:
        """The averaged network, as it stands."""
        return self.average.module.network  # pyright: ignore[reportReturnType]

    def states(self) -> Iterator[TrainingState]:
        """Walk through the run; yield where it stands after each step."""
        recipe = self.recipe
        model = DistributedDataParallel(self.model) if self.n_ranks > 1 else self.model
        began, waited, asked = time.perf_counter(), 0.0, time.perf_counter()
        for batch in self._batches():
            waited += time.perf_counter() - asked
            for group in self.optimiser.param_groups:
                group["lr"] = recipe.learning_rate * self._pace()
            model.train()
            loss = self.loss_of(model, batch)
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), recipe.most_gradient)
            self.optimiser.step()
            self.average.update_parameters(self.model)
            self.step += 1
            told = float(self._of_all(loss.detach()))
            self._since.append(told)
            if not math.isfinite(told):
                raise SeisdreamError(
                    f"The loss is {told} at step {self.step}: training fell apart. Lower the learning rate "
                    f"(now {recipe.learning_rate:g}); the last checkpoint is in {self.folder}."
                )
            scores = None
            if self.step % recipe.validate_every == 0 or self.step == recipe.n_steps:
                scores = self.validate()
                self._keep(scores)
            yield TrainingState(
                self.step, recipe.n_steps, told, scores, self.history, time.perf_counter() - began, waited,
            )  # fmt: skip
            asked = time.perf_counter()

    def loss_of(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss of a batch: the mean over what is known, of all processes together."""
        if self.recipe.mirror:
            batch = with_mirror_images(batch)
        batch = {name: values.to(self.device, non_blocking=True) for name, values in batch.items()}
        batch["picture"] = batch["picture"].contiguous(memory_format=self._format)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            outputs = model(batch["picture"])
        labels = batch["classes"].long()
        losses = F.cross_entropy(
            outputs["classes"].float(), labels, self.weights, ignore_index=UNKNOWN, reduction="none",
            label_smoothing=self.recipe.smoothing,
        )  # fmt: skip
        weights = torch.where(labels == UNKNOWN, 0.0, self.weights[labels.clamp(max=len(self.weights) - 1)])
        total = self._mean(losses.sum(), weights.sum())
        for name, weight in self.recipe.tasks.items():
            values = TASKS[name].losses(outputs[name].float(), batch)
            total = total + weight * self._mean(values.nansum(), (~values.isnan()).sum())
        if self.recipe.mirror:
            total = total + self.recipe.mirror * flip_consistency_loss(outputs["stages"])
        return total

    def validate(self) -> Scores:
        """Return the averaged network's scores on the validation data."""
        counter = Counter(tuple(self.data.classes))
        self.average.eval()
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            for number in range(self.rank, self.n_validation, self.n_ranks):
                batch = collate([self.validation[number]])
                picture = batch["picture"].to(self.device).contiguous(memory_format=self._format)
                counter.see(self.network(picture).float().cpu(), batch["classes"])
        return counter.scores()

    def _mean(self, total: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        count = count.detach().float()
        if self.n_ranks > 1:
            # Gradients are averaged over processes, so each divides by the mean of their counts.
            dist.all_reduce(count)
            count = count / self.n_ranks
        return total / count.clamp(min=1.0 / self.n_ranks)

    def _of_all(self, loss: torch.Tensor) -> torch.Tensor:
        """Return the loss of the whole batch, so that all processes see the same, and end together where it is none."""
        if self.n_ranks > 1:
            dist.all_reduce(loss)
            loss = loss / self.n_ranks
        return loss

    def _pace(self) -> float:
        """Return the learning rate of this step over the greatest: a straight rise, then half a cosine."""
        rise = max(1, round(self.recipe.warm_up * self.recipe.n_steps))
        if self.step < rise:
            return (self.step + 1) / rise
        return 0.5 * (1.0 + math.cos(math.pi * (self.step - rise) / max(1, self.recipe.n_steps - rise)))

    def _batches(self) -> DataLoader:
        """Return the batches that are left, this process's share of each."""
        share = self.recipe.batch // self.n_ranks
        numbers = [
            list(range(first, first + share))
            for step in range(self.step, self.recipe.n_steps)
            for first in [step * self.recipe.batch + self.rank * share]
        ]
        n_workers = self.recipe.n_workers
        return DataLoader(
            self.data,  # pyright: ignore[reportArgumentType]  (anything that gives items by number will do)
            batch_sampler=numbers,
            collate_fn=collate,
            num_workers=n_workers,
            prefetch_factor=4 if n_workers else None,
            pin_memory=self.device.type == "cuda",
        )

    def _keep(self, scores: Scores) -> None:
        confusion = scores.confusion
        self.history.append(
            {
                "step": self.step,
                "loss": float(np.mean(self._since)),
                "learning_rate": self.optimiser.param_groups[0]["lr"],
                "mean_iou": scores.mean_iou,
                "pixel_accuracy": float(np.trace(confusion) / max(confusion.sum(), 1)),
            }
        )
        self._since = []
        if self.rank:
            return
        with writing_file(self.folder / CHECKPOINT_FILE, force=True) as aside:
            torch.save(
                {
                    "recipe": asdict(self.recipe),
                    "step": self.step,
                    "history": self.history,
                    "model": self.model.state_dict(),
                    "average": self.average.state_dict(),
                    "optimiser": self.optimiser.state_dict(),
                },
                aside,
            )

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT_FILE
        if not self.rank:
            for left in self.folder.glob(f".{path.stem}.partial-*{path.suffix}"):  # By a run that was killed.
                left.unlink(missing_ok=True)
        if not path.is_file():
            return
        kept = torch.load(path, map_location="cpu", weights_only=True)
        # How many processes prepare items changes nothing.
        recipe = {name: value for name, value in asdict(self.recipe).items() if name != "n_workers"}
        before = {name: kept["recipe"].get(name) for name in recipe}
        before["number of classes"] = kept["model"]["network.logits.weight"].shape[0]
        recipe["number of classes"] = len(self.data.classes)
        changed = [
            f"{_FLAGS.get(name, name)} ({before[name]} there, {value} now)"
            for name, value in recipe.items()
            if before[name] != value
        ]
        if changed:
            raise SeisdreamError(
                f"{path} belongs to a run with another {', another '.join(changed)}; resume it with the same settings, "
                "or name another folder (--out), or begin anew (--force). To go on from where a run ended, start "
                "another from its network (--start)."
            )
        self.step, self.history = kept["step"], kept["history"]
        self.model.load_state_dict(kept["model"])
        self.average.load_state_dict(kept["average"])
        self.optimiser.load_state_dict(kept["optimiser"])


def _averager(decay: float) -> Callable[[Any, Any, Any], Any]:
    """Return an exponential moving average that forgets its beginnings: its window grows with the run."""

    def average(averaged: torch.Tensor, value: torch.Tensor, n_seen: torch.Tensor) -> torch.Tensor:
        if not averaged.is_floating_point():
            return value
        kept = min(decay, (1 + int(n_seen)) / (10 + int(n_seen)))
        return torch.lerp(value, averaged, kept)

    return average


def balance_of(data: Items, power: float, n_items: int = 64) -> torch.Tensor:
    """Return a weight for each class, 1 on the average over samples: its frequency in some items to minus `power`."""
    counts = np.zeros(len(data.classes))
    for number in range(n_items if power else 0):
        labels = data[number].classes
        counts += np.bincount(np.ravel(labels[labels != UNKNOWN]), minlength=len(counts))
    if not counts.any():
        return torch.ones(len(counts))
    frequency = np.maximum(counts / counts.sum(), 1e-3)
    weights = frequency**-power
    return torch.from_numpy(weights / np.sum(weights * frequency)).float()
