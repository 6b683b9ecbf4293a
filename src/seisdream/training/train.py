"""A whole training run: from labelled data or a preset to a network with its model card."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seisdream.data.lines import LabelledLines
from seisdream.data.photos import Photos
from seisdream.data.registry import dataset_name
from seisdream.errors import SeisdreamError
from seisdream.evaluation.scores import Scores
from seisdream.models.network import Network
from seisdream.models.registry import load_network
from seisdream.training.distributed import is_first_process, process_group, wait_for_all
from seisdream.training.loop import Training, TrainingState
from seisdream.training.plan import plan_labelled
from seisdream.training.presets import check_applies, find_preset, plan_preset
from seisdream.training.pretrained import FINE_TUNING, Pretrained, load_pretrained
from seisdream.training.run_files import NETWORK_FILE, describe, enter_folder, write_network, write_results
from seisdream.training.settings import TrainingSettings


def train(
    dataset: str | LabelledLines | Photos | None = None,
    settings: TrainingSettings | None = None,
    folder: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **overrides: Any,
) -> Network:
    """Train a network on labelled data, or one of the package's networks again.

    A run that was interrupted is resumed when it is started again with the same data, settings and folder, and ends as
    it would have ended. Under ``torchrun``, several processes share each step.

    Parameters
    ----------
    dataset : str, LabelledLines or Photos, optional
        A source as `seisdream.data.registry.open_dataset` takes it: a folder of sections with masks, a SEG-Y file with
        labels in the same folder, an ``.npz``, a folder of photographs in one folder per class, or ``benchmark:NAME``.
        Not for presets that are trained on generated earths.
    settings : TrainingSettings, optional
        By default those of the preset.
    folder : path, optional
        Folder of the run; by default the name of the dataset or the preset with ``.train``.
    force : bool, default False
        Begin again where an earlier run is in the folder.
    progress : callable, optional
        Called with the number of steps done and their total.
    **overrides
        Fields of `TrainingSettings`, such as ``preset="facies"`` or ``steps=1000``.

    Returns
    -------
    Network
        The trained network. Its folder holds ``network.safetensors``, ``card.md``, ``history.csv``, ``curves.png`` and
        ``confusion.png``.

    Raises
    ------
    SeisdreamError
        If there are no labels, settings do not go together, the folder holds another run, or the loss is not finite.
    """
    with process_group() as is_first:
        run = TrainingRun(dataset, settings, folder, force=force, **overrides)
        for state in run.states():
            if progress:
                progress(state.step, state.n_steps)
    if is_first:
        run.write_results()
    return run.network


class TrainingRun:
    """A training run whose steps can be followed; `train` does everything at once.

    Parameters
    ----------
    dataset, settings, folder, force, **overrides
        As for `train`.

    Attributes
    ----------
    folder : Path
        Folder of the run.
    settings : TrainingSettings
        Settings with all that preset, start and data determine.
    plan : TrainingPlan
        What it is trained on.
    training : Training
        The training loop.
    scores : Scores or None
        The last validation scores.
    """

    def __init__(
        self,
        dataset: str | LabelledLines | Photos | None = None,
        settings: TrainingSettings | None = None,
        folder: str | os.PathLike[str] | None = None,
        *,
        force: bool = False,
        **overrides: Any,
    ):
        settings, start = _resolve(dataset, settings, overrides)
        self.folder = Path(folder) if folder is not None else Path(_default_folder(dataset, settings))
        if settings.preset:
            self.plan = plan_preset(settings, self.folder / "earths", dataset)
        else:
            assert dataset is not None
            self.plan = plan_labelled(dataset, settings)
        self.settings = self.plan.settings
        data_name = dataset if isinstance(dataset, str | None) else dataset.name
        enter_folder(
            self.folder, {"data": data_name} | self.settings.run_values(), force=force, writes=is_first_process()
        )
        wait_for_all()
        weights = start.weights_for(tuple(self.plan.data.classes)) if start else None
        self.training = Training(
            self.settings, self.plan.data, self.plan.validation, self.plan.n_validation, self.folder, start=weights
        )
        self.scores: Scores | None = None

    def states(self) -> Iterator[TrainingState]:
        """Train; yield the state after each step. At the end the network's file is written."""
        for state in self.training.states():
            self.scores = state.scores or self.scores
            yield state
        # A run that had ended before has no steps left.
        self.scores = self.scores or self.training.validate()
        if is_first_process():
            write_network(self.folder, self.training, describe(self.plan, self.training, self.scores))
        wait_for_all()

    def write_results(self, progress: Callable[[int, int], None] | None = None) -> list[Path]:
        """Score the network and its baselines, write all results, and return the files.

        Parameters
        ----------
        progress : callable, optional
            Called with the number of sections scored and their total.
        """
        if self.scores is None:
            raise SeisdreamError("The run has not ended; go through all its states first.", code="invalid")
        return write_results(self.folder, self.plan, self.training, self.scores, progress=progress)

    @property
    def network(self) -> Network:
        """The trained network, after all steps."""
        return load_network(os.fspath(self.folder / NETWORK_FILE))


def _resolve(
    dataset: str | LabelledLines | Photos | None, settings: TrainingSettings | None, overrides: Mapping[str, Any]
) -> tuple[TrainingSettings, Pretrained | None]:
    """Return the settings with what preset and start determine, and the network to start from."""
    if settings is None:
        preset = overrides.get("preset")
        settings = find_preset(preset).settings if preset else TrainingSettings()
        if overrides.get("start", settings.start) == "googlenet":
            settings = settings.replace(**FINE_TUNING)
    settings = TrainingSettings.of(settings, overrides)
    check_applies(settings, has_data=dataset is not None)
    if not settings.start:
        if settings.weights is not None:
            raise SeisdreamError(
                "`weights` belong to `start=googlenet`; leave it out.", code="incompatible", option="weights"
            )
        return settings, None
    if settings.widths is not None:
        raise SeisdreamError(
            f"The network {settings.start} has its own widths; leave out `widths`.",
            code="incompatible",
            option="widths",
        )
    start = load_pretrained(settings.start, weights=settings.weights)
    return settings.replace(**start.architecture), start


def _default_folder(dataset: str | LabelledLines | Photos | None, settings: TrainingSettings) -> str:
    name = settings.preset or (dataset_name(dataset) if isinstance(dataset, str) else dataset.name if dataset else "")
    return f"{name}{'-shuffled' if settings.shuffled else ''}.train"
