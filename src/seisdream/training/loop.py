"""The training loop: batch, step, average, validate, checkpoint."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from seisdream.data.dataset import Dataset
from seisdream.data.sample import UNKNOWN, collate
from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import ConfusionCounter
from seisdream.evaluation.scores import Scores
from seisdream.io.atomic import remove_leftovers, writing_file
from seisdream.io.texts import check_form
from seisdream.models.cpu_fusion import keep_memory, speed_up_halving
from seisdream.models.prepared import resolve_device, resolve_precision
from seisdream.models.zoo.unet import ARCHITECTURES, Trainable, UNet
from seisdream.training.adversarial import fixed_running_statistics, perturb
from seisdream.training.auxiliary_heads import TASKS, MultiTaskNetwork
from seisdream.training.flip_consistency import flip_consistency_loss, with_mirror_images
from seisdream.training.settings import TrainingSettings, changed_settings

CHECKPOINT_FILE = "checkpoint.pt"


@dataclass(frozen=True)
class TrainingState:
    """Where a run stands after a step.

    Attributes
    ----------
    step, n_steps : int
        Steps done, and their total.
    loss : float
        Loss of this step.
    scores : Scores or None
        Scores on the validation data, after steps that end in a validation.
    history : list of dict
        ``step``, ``loss`` (mean since the last validation), ``learning_rate``, ``mean_iou`` and ``pixel_accuracy``.
    seconds, data_seconds : float
        Time since this run began or resumed, and the part of it spent waiting for data.
    """

    step: int
    n_steps: int
    loss: float
    scores: Scores | None
    history: list[dict[str, float]]
    seconds: float
    data_seconds: float


class Training:
    """A training run, step by step; it resumes from the checkpoint in its folder.

    Under ``torchrun`` each process takes its share of every batch. The result is that of one process, except for batch
    normalisation, whose statistics are those of each share.

    Parameters
    ----------
    settings : TrainingSettings
        Settings of network and optimization; those of the data are not used here.
    data : Dataset
        Training samples.
    validation : Dataset
        Validation samples: the first `n_validation` of it.
    n_validation : int
        Number of validation samples.
    folder : path
        Folder of the checkpoint.
    start : dict of Tensor, optional
        Weights to start from; those whose shapes do not match are ignored.

    Raises
    ------
    SeisdreamError
        If the batch cannot be shared evenly by the processes, or the checkpoint is one of other settings or classes.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        data: Dataset,
        validation: Dataset,
        n_validation: int,
        folder: str | os.PathLike[str],
        *,
        start: dict[str, torch.Tensor] | None = None,
    ):
        self.settings, self.data, self.validation, self.n_validation = settings, data, validation, n_validation
        self.folder = Path(folder)
        self.rank, self.n_ranks = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        if settings.batch_size % self.n_ranks:
            raise SeisdreamError(
                f"`batch_size` is {settings.batch_size}; it must be a multiple of the {self.n_ranks} processes.",
                code="incompatible",
                option="batch_size",
            )
        self.device = torch.device(resolve_device(settings.device))
        if self.device.type == "cpu":
            keep_memory()
        if self.device.type == "cuda" and self.n_ranks > 1:
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        self.precision = resolve_precision(settings.precision, str(self.device))

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            network = ARCHITECTURES[settings.architecture](len(data.classes), **settings.architecture_options)
            if start:
                own = network.state_dict()
                fits = {name: value for name, value in start.items() if name in own and own[name].shape == value.shape}
                network.load_state_dict(fits, strict=False)
            if isinstance(network, UNet):
                speed_up_halving(network)
            model = MultiTaskNetwork(network, settings.tasks, returns_stages=settings.flip_consistency > 0)
        is_2d = getattr(network, "n_dims", 2) == 2
        self._format = torch.channels_last if is_2d else torch.channels_last_3d
        self.model = model.to(self.device, memory_format=self._format)  # pyright: ignore[reportCallIssue]
        self.average = AveragedModel(self.model, avg_fn=_averaging(settings.ema_decay), use_buffers=True)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), settings.learning_rate, weight_decay=0.0)
        self.optimiser.param_groups[0]["weight_decay"] = settings.weight_decay
        self.class_weights = class_weights(data, settings.class_balance).to(self.device)
        self.step = 0
        self.history: list[dict[str, float]] = []
        self._losses: list[float] = []
        self._resume()

    @property
    def network(self) -> Trainable:
        """The averaged network at this step."""
        return self.average.module.network  # pyright: ignore[reportReturnType]

    def states(self) -> Iterator[TrainingState]:
        """Train; yield the state after each step."""
        settings = self.settings
        model = DistributedDataParallel(self.model) if self.n_ranks > 1 else self.model
        began, data_seconds, ready = time.perf_counter(), 0.0, time.perf_counter()
        for batch in self._batches():
            data_seconds += time.perf_counter() - ready
            for group in self.optimiser.param_groups:
                group["lr"] = settings.learning_rate * self._learning_rate_factor()
            model.train()
            loss = self.loss(model, batch)
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), settings.max_gradient_norm)
            self.optimiser.step()
            self.average.update_parameters(self.model)
            self.step += 1
            value = float(self._mean_over_processes(loss.detach()))
            self._losses.append(value)
            if not math.isfinite(value):
                raise SeisdreamError(
                    f"The loss is {value} at step {self.step}. Use a smaller `learning_rate` (now "
                    f"{settings.learning_rate:g}); the last checkpoint is in {self.folder}.",
                    code="not-finite",
                    option="learning_rate",
                )
            scores = None
            if self.step % settings.validation_interval == 0 or self.step == settings.steps:
                scores = self.validate()
                self._save_checkpoint(scores)
            yield TrainingState(
                self.step, settings.steps, value, scores, self.history, time.perf_counter() - began, data_seconds
            )
            ready = time.perf_counter()

    def loss(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss of a batch: the mean over known labels and targets of all processes."""
        settings = self.settings
        if settings.flip_consistency:
            batch = with_mirror_images(batch)
        batch = {name: values.to(self.device, non_blocking=True) for name, values in batch.items()}
        batch["image"] = batch["image"].contiguous(memory_format=self._format)
        if settings.robust:
            batch["image"] = self._attacked(batch)
        return self._loss(model, batch)

    def _loss(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        settings = self.settings
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            outputs = model(batch["image"])
        labels = batch["classes"].long()
        losses = F.cross_entropy(
            outputs["classes"].float(), labels, self.class_weights, ignore_index=UNKNOWN, reduction="none",
            label_smoothing=settings.label_smoothing,
        )  # fmt: skip
        last_class = len(self.class_weights) - 1
        weights = torch.where(labels == UNKNOWN, 0.0, self.class_weights[labels.clamp(max=last_class)])
        total = self._mean(losses.sum(), weights.sum())
        for name, weight in settings.tasks.items():
            values = TASKS[name].losses(outputs[name].float(), batch)
            total = total + weight * self._mean(values.nansum(), (~values.isnan()).sum())
        if settings.flip_consistency:
            total = total + settings.flip_consistency * flip_consistency_loss(outputs["stages"])
        return total

    def _attacked(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the images of a batch, those after the clean share perturbed to raise the loss."""
        settings, images = self.settings, batch["image"]
        # With flip consistency, mirror images follow in the second half; a sample and its mirror image go together.
        n_images = len(images) // 2 if settings.flip_consistency else len(images)
        n_clean = min(round(settings.clean_share * n_images), n_images - 1)
        is_attacked = torch.arange(len(images), device=images.device) % n_images >= n_clean
        attacked = {name: values[is_attacked] for name, values in batch.items()}
        generator = torch.Generator().manual_seed(settings.seed + (self.step * self.n_ranks + self.rank) * 7919)
        with fixed_running_statistics(self.model):
            perturbed = perturb(
                attacked["image"],
                lambda changed: self._loss(self.model, attacked | {"image": changed}),
                settings.robust,
                settings.attack_steps,
                generator,
            )
        images = images.clone()
        images[is_attacked] = perturbed
        return images.contiguous(memory_format=self._format)

    def validate(self) -> Scores:
        """Return the scores of the averaged network on the validation data."""
        counter = ConfusionCounter(tuple(self.data.classes))
        self.average.eval()
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            for number in range(self.rank, self.n_validation, self.n_ranks):
                batch = collate([self.validation[number]])
                image = batch["image"].to(self.device).contiguous(memory_format=self._format)
                counter.update(self.network(image).float().cpu(), batch["classes"])
        return counter.scores()

    def _mean(self, total: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        count = count.detach().float()
        if self.n_ranks > 1:
            # Gradients are averaged over processes, so each divides by the mean of their counts.
            dist.all_reduce(count)
            count = count / self.n_ranks
        return total / count.clamp(min=1.0 / self.n_ranks)

    def _mean_over_processes(self, loss: torch.Tensor) -> torch.Tensor:
        """Return the loss of the whole batch, so that all processes see it, and stop together if it is not finite."""
        if self.n_ranks > 1:
            dist.all_reduce(loss)
            loss = loss / self.n_ranks
        return loss

    def _learning_rate_factor(self) -> float:
        """Return the learning rate of this step over its peak: a linear warmup, then half a cosine."""
        warmup = max(1, round(self.settings.warmup * self.settings.steps))
        if self.step < warmup:
            return (self.step + 1) / warmup
        return 0.5 * (1.0 + math.cos(math.pi * (self.step - warmup) / max(1, self.settings.steps - warmup)))

    def _batches(self) -> DataLoader:
        """Return the remaining batches, this process's share of each."""
        batch_size, n_workers = self.settings.batch_size, self.settings.workers
        share = batch_size // self.n_ranks
        numbers = [
            list(range(first, first + share))
            for step in range(self.step, self.settings.steps)
            for first in [step * batch_size + self.rank * share]
        ]
        return DataLoader(
            self.data,  # pyright: ignore[reportArgumentType]  (anything that returns samples by number)
            batch_sampler=numbers,
            collate_fn=collate,
            num_workers=n_workers,
            prefetch_factor=4 if n_workers else None,
            pin_memory=self.device.type == "cuda",
        )

    def _save_checkpoint(self, scores: Scores) -> None:
        confusion = scores.confusion
        self.history.append(
            {
                "step": self.step,
                "loss": float(np.mean(self._losses)),
                "learning_rate": self.optimiser.param_groups[0]["lr"],
                "mean_iou": scores.mean_iou,
                "pixel_accuracy": float(np.trace(confusion) / max(confusion.sum(), 1)),
            }
        )
        self._losses = []
        if self.rank:
            return
        # Into an open file, so that PyTorch's error has the system's error as its context.
        with writing_file(self.folder / CHECKPOINT_FILE, force=True) as partial, partial.open("wb") as file:
            torch.save(
                {
                    "settings": self._run_values(),
                    "step": self.step,
                    "history": self.history,
                    "model": self.model.state_dict(),
                    "average": self.average.state_dict(),
                    "optimiser": self.optimiser.state_dict(),
                },
                file,
            )

    def _run_values(self) -> dict[str, Any]:
        return self.settings.run_values() | {"classes": list(self.data.classes)}

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT_FILE
        if not self.rank:
            remove_leftovers(self.folder)
        if not path.is_file():
            return
        try:
            checkpoint = _read_checkpoint(path)
        except Exception as error:  # A damaged archive can raise almost anything.
            raise _damaged(path, error) from error
        if changed := changed_settings(checkpoint["settings"], self._run_values()):
            raise SeisdreamError(
                f"{path} belongs to a run with other settings: {changed}. Resume it with the same settings, name "
                "another folder, or begin again with `force=True`. To continue from its network, use `start`.",
                code="changed",
            )
        self.step, self.history = checkpoint["step"], checkpoint["history"]
        try:
            self.model.load_state_dict(checkpoint["model"])
            self.average.load_state_dict(checkpoint["average"])
            self.optimiser.load_state_dict(checkpoint["optimiser"])
        except Exception as error:  # Weights of other names or shapes.
            raise _damaged(path, error) from error


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what `Training` saved; raise anything where it is not whole."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    parts = dict.fromkeys(("settings", "model", "average", "optimiser"), dict)
    check_form(checkpoint, parts | {"step": int, "history": [{...: float}]})
    return checkpoint


def _damaged(path: Path, error: Exception) -> SeisdreamError:
    reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    return SeisdreamError(
        f"The checkpoint {path} is damaged or not one of seisdream ({reason}), so the run cannot resume from it. Begin "
        "again with `force=True`, or name another folder.",
        code="corrupt",
        option="out",
    )


def _averaging(decay: float) -> Callable[[Any, Any, Any], Any]:
    """Return an exponential moving average whose window grows during the first steps."""

    def average(averaged: torch.Tensor, value: torch.Tensor, n_averaged: torch.Tensor) -> torch.Tensor:
        if not averaged.is_floating_point():
            return value
        weight = min(decay, (1 + int(n_averaged)) / (10 + int(n_averaged)))
        return torch.lerp(value, averaged, weight)

    return average


def class_weights(data: Dataset, power: float, n_samples: int = 64) -> torch.Tensor:
    """Return a weight for each class: its frequency in some samples to minus `power`, with a mean of 1 over pixels."""
    counts = np.zeros(len(data.classes))
    for number in range(n_samples if power else 0):
        labels = data[number].classes
        counts += np.bincount(np.ravel(labels[labels != UNKNOWN]), minlength=len(counts))
    if not counts.any():
        return torch.ones(len(counts))
    frequency = np.maximum(counts / counts.sum(), 1e-3)
    weights = frequency**-power
    return torch.from_numpy(weights / np.sum(weights * frequency)).float()
